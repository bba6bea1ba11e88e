package node

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/javaprops"
	"github.com/connectd/connectd/rest"
	"github.com/connectd/connectd/worker/workerconf"
	"github.com/hashicorp/go-hclog"
)

const (
	extensionsKey = "rest.extension.classes"
	// loginConfigOption is where a JVM is told of its JAAS file; Java's start scripts take it in the environment.
	loginConfigOption = "java.security.auth.login.config"
	optionsVariable   = "KAFKA_OPTS"
	loginSection      = "KafkaConnect"
	propertyFileClass = "PropertyFileLoginModule"
)

// basicAuth reads who may call the REST API, nil if anybody may. As in Java the files are read once; here it is at start, so that
// what is wrong with them is known then.
func basicAuth(conf *workerconf.Config, env func(string) string, read func(string) ([]byte, error), log hclog.Logger) (*rest.BasicAuth, error) {
	if !conf.REST.BasicAuth {
		return nil, nil
	}
	options := jvmProperties(env(optionsVariable))
	source, path := workerconf.LoginConfigKey, conf.REST.LoginConfig
	if path == "" {
		source, path = optionsVariable+" (-D"+loginConfigOption+")", loginConfigPath(options[loginConfigOption])
	}
	if path == "" {
		return nil, config.Invalid(extensionsKey, conf.Values.List(extensionsKey), fmt.Sprintf(
			"basic authentication needs a JAAS file with a section %s: name it by the property %s, or have -D%s=<file> in the environment variable %s",
			loginSection, workerconf.LoginConfigKey, loginConfigOption, optionsVariable))
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s: the JAAS file %s %s", source, path, fmt.Sprintf(format, args...))
	}
	text, err := read(path)
	if err != nil {
		return nil, fail("can't be read: %v", err)
	}
	sections, err := clientconf.ParseJAASFile(string(text), systemProperty(options, env))
	if err != nil {
		return nil, fail("can't be understood: %v", err)
	}
	modules := sections[loginSection]
	if len(modules) == 0 {
		return nil, fail("has no login module in a section %s", loginSection)
	}
	var files []map[string]string
	for _, module := range modules {
		users, err := propertyFile(module, read)
		if err != nil {
			return nil, fail("%v", err)
		}
		if len(users) == 0 {
			log.Warn("the credentials file is empty: all requests are permitted", "file", module.Options["file"])
		}
		files = append(files, users)
	}
	return rest.NewBasicAuth(files...), nil
}

// propertyFile reads the users of one login module.
func propertyFile(module clientconf.JAAS, read func(string) ([]byte, error)) (map[string]string, error) {
	if module.Module[strings.LastIndexByte(module.Module, '.')+1:] != propertyFileClass {
		return nil, fmt.Errorf("names the login module %s in section %s; only %s is built in", module.Module, loginSection, propertyFileClass)
	}
	file := strings.TrimSpace(module.Options["file"])
	if file == "" {
		return nil, fmt.Errorf("gives %s no option file, the path of the credentials", propertyFileClass)
	}
	data, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("names a credentials file that can't be read: %v", err)
	}
	users, err := javaprops.ParseLatin1(data)
	if err != nil {
		return nil, fmt.Errorf("names the credentials file %s, which can't be read as properties (user=password)", file)
	}
	return users, nil
}

// jvmProperties takes -Dname=value out of options that a start script hands to java unquoted; the last one holds.
func jvmProperties(options string) map[string]string {
	out := map[string]string{}
	for option := range strings.FieldsSeq(options) {
		if rest, is := strings.CutPrefix(option, "-D"); is {
			name, value, _ := strings.Cut(rest, "=")
			out[name] = value
		}
	}
	return out
}

// loginConfigPath understands what Java does: a path or a file URL; with a second '=' before it, it is the only one that counts.
func loginConfigPath(value string) string {
	value = strings.TrimPrefix(value, "=")
	if u, err := url.Parse(value); err == nil && u.Scheme == "file" && u.Path != "" {
		return u.Path
	}
	return value
}

// systemProperty answers what a JAAS file may ask for by ${name}: what is set by -D, and what each JVM has.
func systemProperty(set map[string]string, env func(string) string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if value, ok := set[name]; ok {
			return value, true
		}
		switch name {
		case "user.home":
			return env("HOME"), env("HOME") != ""
		case "user.name":
			return env("USER"), env("USER") != ""
		case "user.dir":
			dir, err := os.Getwd()
			return dir, err == nil
		case "java.io.tmpdir":
			return os.TempDir(), true
		}
		i := slices.Index([]string{"file.separator", "path.separator", "line.separator"}, name)
		if i < 0 {
			return "", false
		}
		return []string{string(os.PathSeparator), string(os.PathListSeparator), "\n"}[i], true
	}
}
