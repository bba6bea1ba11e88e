// Package configprovider replaces references such as ${file:/etc/secrets.properties:password} in configurations by the
// values they stand for (KIP-297), with the three providers that Kafka ships: files, directories, environment.
//
// It is pure but for the readers handed in by the caller: it touches no file and no environment itself, logs nothing and
// remembers nothing between two calls. Resolved values are secrets: none appears in an error.
package configprovider

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/javaprops"
)

// The Java class names by which a configuration asks for a provider.
const (
	FileClass      = "org.apache.kafka.common.config.provider.FileConfigProvider"
	DirectoryClass = "org.apache.kafka.common.config.provider.DirectoryConfigProvider"
	EnvVarClass    = "org.apache.kafka.common.config.provider.EnvVarConfigProvider"
)

// Sources are the doors to the outside; the worker hands in os.ReadFile and os.LookupEnv.
type Sources struct {
	ReadFile  func(path string) ([]byte, error)
	LookupEnv func(name string) (string, bool)
}

// provider looks up some keys under a path. A key it does not have is absent from the result.
type provider interface {
	get(path string, keys []string) (map[string]string, error)
}

// Providers are the configured providers by the name that references use. The zero value resolves nothing.
type Providers map[string]provider

// New makes the providers that the properties config.providers, config.providers.NAME.class and
// config.providers.NAME.param.* ask for. As in Java a name without a class is passed over. The error joins one
// *config.Error per faulty provider.
func New(props map[string]string, src Sources) (Providers, error) {
	providers := Providers{}
	var errs []error
	for name := range strings.SplitSeq(props["config.providers"], ",") {
		name = strings.TrimSpace(name)
		classKey := "config.providers." + name + ".class"
		class, ok := props[classKey]
		if name == "" || !ok {
			continue
		}
		p, err := build(classKey, class, config.WithPrefix(props, "config.providers."+name+".param."), src)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		providers[name] = p
	}
	return providers, errors.Join(errs...)
}

func build(classKey, class string, params map[string]string, src Sources) (provider, error) {
	prefix := strings.TrimSuffix(classKey, "class") + "param."
	switch strings.TrimSpace(class) {
	case FileClass, DirectoryClass:
		allowed, err := parseAllowed(prefix+"allowed.paths", params["allowed.paths"])
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(class) == FileClass {
			return fileProvider{allowed, src.ReadFile}, nil
		}
		return directoryProvider{allowed, src.ReadFile}, nil
	case EnvVarClass:
		pattern, ok := params["allowlist.pattern"]
		if !ok {
			pattern = ".*"
		}
		re, err := regexp.Compile("^(?s:" + pattern + ")$")
		if err != nil {
			return nil, config.Invalid(prefix+"allowlist.pattern", pattern, "not a regular expression: "+err.Error())
		}
		return envProvider{re, src.LookupEnv}, nil
	}
	return nil, config.Invalid(classKey, class, fmt.Sprintf("Could not load config provider class or one of its "+
		"dependencies; the classes known are %s, %s and %s", FileClass, DirectoryClass, EnvVarClass))
}

// reference is ${provider:[path:]key}, as Java's ConfigTransformer finds it.
var reference = regexp.MustCompile(`\$\{([^}]*?):(([^}]*?):)?([^}]*?)\}`)

// Resolve returns props with every reference replaced whose provider is configured and knows the key. Others stay as
// they are, as in Java; those of a configured provider are returned as "property: reference" for a warning. An
// unreadable file or a reference that the provider refuses is an error that names the property.
func (p Providers) Resolve(props map[string]string) (resolved map[string]string, unresolved []string, err error) {
	r := run{providers: p, found: map[place]map[string]string{}}
	resolved = maps.Clone(props)
	if len(p) == 0 {
		return resolved, nil, nil
	}
	wanted := p.wanted(props)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(props)) {
		value, missing, err := r.replace(props[name], wanted)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		resolved[name] = value
		for _, ref := range missing {
			unresolved = append(unresolved, name+": "+ref)
		}
	}
	return resolved, unresolved, errors.Join(errs...)
}

// place is where values are looked up together, so that each file is read once.
type place struct{ provider, path string }

func (p Providers) wanted(props map[string]string) map[place][]string {
	wanted := map[place][]string{}
	for _, value := range props {
		for _, m := range reference.FindAllStringSubmatch(value, -1) {
			if _, ok := p[m[1]]; ok {
				at := place{m[1], m[3]}
				wanted[at] = append(wanted[at], m[4])
			}
		}
	}
	return wanted
}

type run struct {
	providers Providers
	found     map[place]map[string]string
}

func (r *run) replace(value string, wanted map[place][]string) (string, []string, error) {
	var missing []string
	var errs []error
	out := reference.ReplaceAllStringFunc(value, func(ref string) string {
		m := reference.FindStringSubmatch(ref)
		at := place{m[1], m[3]}
		p, ok := r.providers[at.provider]
		if !ok {
			return ref
		}
		data, ok := r.found[at]
		if !ok {
			var err error
			if data, err = p.get(at.path, wanted[at]); err != nil {
				errs = append(errs, err)
				return ref
			}
			r.found[at] = data
		}
		if v, ok := data[m[4]]; ok {
			return v
		}
		missing = append(missing, ref)
		return ref
	})
	return out, missing, errors.Join(errs...)
}

// allowedPaths bounds what files a provider opens; nil allows all.
type allowedPaths []string

func parseAllowed(key, value string) (allowedPaths, error) {
	if value == "" {
		return nil, nil
	}
	var allowed allowedPaths
	for one := range strings.SplitSeq(value, ",") {
		clean := path.Clean(one)
		if !path.IsAbs(clean) {
			return nil, config.Invalid(key, value, fmt.Sprintf("Path %s is not absolute", clean))
		}
		allowed = append(allowed, clean)
	}
	return allowed, nil
}

// check returns the path to open, or false if it lies outside of what is allowed.
func (a allowedPaths) check(p string) (string, bool) {
	if a == nil {
		return p, true
	}
	clean := path.Clean(p)
	for _, dir := range a {
		if clean == dir || strings.HasPrefix(clean, strings.TrimSuffix(dir, "/")+"/") {
			return clean, true
		}
	}
	return "", false
}

type fileProvider struct {
	allowed allowedPaths
	read    func(string) ([]byte, error)
}

func (f fileProvider) get(at string, keys []string) (map[string]string, error) {
	file, ok := f.allowed.check(at)
	if at == "" || !ok {
		return nil, nil
	}
	data, err := f.read(file)
	if err != nil {
		return nil, &lookupError{fmt.Sprintf("Could not read properties from file %s", at), err}
	}
	props, err := javaprops.ParseUTF8(data)
	if err != nil {
		return nil, &lookupError{fmt.Sprintf("Could not read properties from file %s", at), err}
	}
	return pick(keys, func(k string) (string, bool, error) { v, ok := props[k]; return v, ok, nil })
}

type directoryProvider struct {
	allowed allowedPaths
	read    func(string) ([]byte, error)
}

func (d directoryProvider) get(at string, keys []string) (map[string]string, error) {
	dir, ok := d.allowed.check(at)
	if at == "" || !ok {
		return nil, nil
	}
	return pick(keys, func(k string) (string, bool, error) {
		if k == "" || k == "." || k == ".." || strings.Contains(k, "/") {
			return "", false, nil // a key is the name of a file in the directory, never a way out of it
		}
		data, err := d.read(path.Join(dir, k))
		if errors.Is(err, fs.ErrNotExist) {
			return "", false, nil
		}
		if err != nil {
			return "", false, &lookupError{fmt.Sprintf("Could not read file %s for property %s", path.Join(dir, k), k), err}
		}
		return string(data), true, nil
	})
}

type envProvider struct {
	allow  *regexp.Regexp
	lookup func(string) (string, bool)
}

func (e envProvider) get(at string, keys []string) (map[string]string, error) {
	if at != "" {
		return nil, &lookupError{fmt.Sprintf("Path is not supported for EnvVarConfigProvider, invalid value '%s'", at), nil}
	}
	return pick(keys, func(k string) (string, bool, error) {
		if !e.allow.MatchString(k) {
			return "", false, nil
		}
		v, ok := e.lookup(k)
		return v, ok, nil
	})
}

// lookupError is a failure in Java's words, with the cause that Java leaves to its log.
type lookupError struct {
	text  string
	cause error
}

func (e *lookupError) Error() string {
	if e.cause == nil {
		return e.text
	}
	return e.text + ": " + e.cause.Error()
}

func (e *lookupError) Unwrap() error { return e.cause }

func pick(keys []string, lookup func(string) (string, bool, error)) (map[string]string, error) {
	found := map[string]string{}
	for _, k := range keys {
		v, ok, err := lookup(k)
		if err != nil {
			return nil, err
		}
		if ok {
			found[k] = v
		}
	}
	return found, nil
}
