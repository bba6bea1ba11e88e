package node

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/rest"
	"github.com/connectd/connectd/worker/workerconf"
)

const extension = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"

// module is an entry of a JAAS file for that credentials file.
func module(file string) string {
	return fmt.Sprintf("org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required file=%q;", file)
}

// readAuth reads basic authentication from files that are given by their names.
func readAuth(t *testing.T, more, env, files map[string]string) (*rest.BasicAuth, string, error) {
	t.Helper()
	props := properties("b:1", more)
	conf, _, err := workerconf.Parse(props)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	auth, err := basicAuth(conf, func(name string) string { return env[name] }, func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, os.ErrNotExist
	}, hclog.New(&hclog.LoggerOptions{Output: &log}))
	return auth, log.String(), err
}

// status is what a server with this authentication answers to these credentials.
func status(t *testing.T, auth *rest.BasicAuth, user, password string) int {
	t.Helper()
	s, err := rest.New(rest.Config{Herder: nil, BasicAuth: auth})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodOptions, "/", nil)
	req.SetBasicAuth(user, password)
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, req)
	return rec.Code
}

func TestBasicAuthSources(t *testing.T) {
	files := map[string]string{
		"/jaas":  "Other { a.B required; }; KafkaConnect { " + module("/creds") + " };",
		"/home":  "KafkaConnect { " + module("${user.home}/creds") + " };",
		"/set":   "KafkaConnect { " + module("${where}/creds") + " };",
		"/creds": "admin=p\\u00e4ss\n", "/h/creds": "admin=p\\u00e4ss\n", "/x/creds": "admin=p\\u00e4ss\n",
	}
	for name, tc := range map[string]struct{ more, env map[string]string }{
		"property":      {more: map[string]string{workerconf.LoginConfigKey: "/jaas"}},
		"start script":  {env: map[string]string{"KAFKA_OPTS": "-Xmx1g -Djava.security.auth.login.config=/jaas -Dother=1"}},
		"last one":      {env: map[string]string{"KAFKA_OPTS": "-Djava.security.auth.login.config=/no -Djava.security.auth.login.config=/jaas"}},
		"only one":      {env: map[string]string{"KAFKA_OPTS": "-Djava.security.auth.login.config==/jaas"}},
		"URL":           {env: map[string]string{"KAFKA_OPTS": "-Djava.security.auth.login.config=file:///jaas"}},
		"home":          {env: map[string]string{"HOME": "/h", "KAFKA_OPTS": "-Djava.security.auth.login.config=/home"}},
		"own variable":  {env: map[string]string{"KAFKA_OPTS": "-Dwhere=/x -Djava.security.auth.login.config=/set"}},
		"property wins": {more: map[string]string{workerconf.LoginConfigKey: "/jaas"}, env: map[string]string{"KAFKA_OPTS": "-Djava.security.auth.login.config=/no"}},
		"simple name": {more: map[string]string{
			workerconf.LoginConfigKey: "/jaas", "rest.extension.classes": "BasicAuthSecurityRestExtension",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			more := map[string]string{"rest.extension.classes": extension}
			maps.Copy(more, tc.more)
			auth, log, err := readAuth(t, more, tc.env, files)
			if err != nil || log != "" {
				t.Fatal(err, log)
			}
			if got := status(t, auth, "admin", "päss"); got != 200 {
				t.Errorf("the right password: %d", got)
			}
			if got := status(t, auth, "admin", "x"); got != 401 {
				t.Errorf("a wrong password: %d", got)
			}
		})
	}
	if auth, _, err := readAuth(t, nil, map[string]string{"KAFKA_OPTS": "-Djava.security.auth.login.config=/no"}, files); auth != nil || err != nil {
		t.Errorf("without the extension: %v %v", auth, err)
	}
	files["/creds"] = "# nobody\n"
	auth, log, err := readAuth(t, map[string]string{"rest.extension.classes": extension, workerconf.LoginConfigKey: "/jaas"}, nil, files)
	if err != nil || status(t, auth, "any", "body") != 200 || !strings.Contains(log, "all requests are permitted") {
		t.Errorf("an empty file: %v %s", err, log)
	}
}

func TestBasicAuthRefused(t *testing.T) {
	files := map[string]string{
		"/none": "KafkaClient { a.B required; };", "/empty": "KafkaConnect { };", "/broken": "KafkaConnect {",
		"/ldap":   "KafkaConnect { com.sun.security.auth.module.LdapLoginModule required; };",
		"/nofile": "KafkaConnect { a.PropertyFileLoginModule required; };", "/gone": "KafkaConnect { " + module("/creds") + " };",
		"/bad": "KafkaConnect { " + module("/badcreds") + " };", "/badcreds": "admin=s3cret\\u00zz",
	}
	for path, want := range map[string]string{
		"":        "rest.basic.auth.login.config, or have -Djava.security.auth.login.config=<file> in the environment variable KAFKA_OPTS",
		"/absent": "the JAAS file /absent can't be read: file does not exist",
		"/none":   "has no login module in a section KafkaConnect",
		"/empty":  "has no login module in a section KafkaConnect",
		"/broken": "section KafkaConnect: ",
		"/ldap":   "com.sun.security.auth.module.LdapLoginModule in section KafkaConnect; only PropertyFileLoginModule",
		"/nofile": "no option file",
		"/gone":   "names a credentials file that can't be read",
		"/bad":    "the credentials file /badcreds, which can't be read as properties",
	} {
		more := map[string]string{"rest.extension.classes": extension, workerconf.LoginConfigKey: path}
		_, _, err := readAuth(t, more, nil, files)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: got %v\nwant %s", path, err, want)
		}
	}
	_, err := New(t.Context(), properties("127.0.0.1:1", map[string]string{"rest.extension.classes": extension}), options(t.Output()))
	if !errors.As(err, new(*ConfigError)) || !strings.Contains(err.Error(), "rest.extension.classes") {
		t.Errorf("%v", err)
	}
}
