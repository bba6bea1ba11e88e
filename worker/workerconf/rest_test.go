package workerconf

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAdvertisedURL(t *testing.T) {
	for _, c := range []struct {
		want  string
		props []string
	}{
		{"http://192.0.2.1:8083/", nil},
		{"http://192.0.2.1:4711/", []string{"listeners", "http://:0"}},
		{"http://h:1/", []string{"listeners", "http://h:1,https://s:2"}},
		{"http://h:1/", []string{"listeners", "https://s:2,http://h:1"}},
		{"https://s:2/", []string{"listeners", "http://h:1,https://s:2", "rest.advertised.listener", "HTTPS"}},
		{"https://s:2/", []string{"listeners", "https://s:2"}},
		{"http://a:8083/", []string{"rest.advertised.host.name", "a"}},
		{"http://h:99/", []string{"listeners", "http://h:1", "rest.advertised.port", "99"}},
		{"https://a:443/", []string{"listeners", "http://h:1", "rest.advertised.listener", "https", "rest.advertised.host.name", "a", "rest.advertised.port", "443"}},
		{"http://[::1]:1/", []string{"listeners", "http://[::1]:1"}},
	} {
		cfg, _ := parse(t, c.props...)
		if got := cfg.REST.AdvertisedURL("192.0.2.1", func(Listener) int { return 4711 }).String(); got != c.want {
			t.Errorf("%v: %s, want %s", c.props, got, c.want)
		}
	}
}

func TestListeners(t *testing.T) {
	c, _ := parse(t, "listeners", "HTTP://:8083,https://[::1]:0,http://0.0.0.0:-1")
	want := []Listener{{"http", "", 8083}, {"https", "::1", 0}, {"http", "0.0.0.0", 0}}
	if diff := cmp.Diff(want, c.REST.Listeners); diff != "" {
		t.Error(diff)
	}
	if got := want[1].Address(); got != "[::1]:0" {
		t.Error(got)
	}
}

func TestAdminListeners(t *testing.T) {
	for _, c := range []struct {
		props []string
		want  []Listener
	}{
		{nil, nil},
		{[]string{"admin.listeners", ""}, []Listener{}},
		{[]string{"admin.listeners", "http://:1"}, []Listener{{"http", "", 1}}},
	} {
		cfg, _ := parse(t, c.props...)
		if diff := cmp.Diff(c.want, cfg.REST.AdminListeners); diff != "" {
			t.Errorf("%v: %s", c.props, diff)
		}
	}
}

func TestHTTPSProps(t *testing.T) {
	c, _ := parse(t, "ssl.keystore.location", "/client", "ssl.client.auth", "required", "admin.listeners.https.ssl.keystore.location", "/admin")
	if diff := cmp.Diff(map[string]string{"ssl.keystore.location": "/client", "ssl.client.auth": "required"}, c.REST.HTTPS); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"ssl.keystore.location": "/admin"}, c.REST.AdminHTTPS); diff != "" {
		t.Error(diff)
	}
}

// Verdicts are those of a Java worker of Kafka 4.3.1.
func TestHeaderRules(t *testing.T) {
	for _, c := range []struct {
		text, err string
		want      []HeaderRule
	}{
		{text: " "},
		{text: "set X: z, ADD Cache-Control: no-cache", want: []HeaderRule{{"set", "X", "z"}, {"add", "Cache-Control", "no-cache"}}},
		{text: `"add Cache-Control: no-cache, no-store",setdate X:1`, want: []HeaderRule{{"add", "Cache-Control", "no-cache, no-store"}, {"setDate", "X", "1"}}},
		{text: `"set X:a`, want: []HeaderRule{{"set", "X", "a"}}},
		{text: "bad", err: "Invalid format of header config 'bad'"},
		{text: "set X", err: "Invalid format of header name and header value pair 'X'"},
		{text: "put X:y", err: "Invalid header config action: 'put'. Expected one of [set, add, setDate, addDate]"},
		{text: "set X Y: z", err: "Invalid header name 'X Y'. The '[header name]' cannot contain whitespace"},
		{text: "set X:http://y", err: "Invalid format of header name and header value pair 'X:http://y'"},
		{text: "set :y", err: "Invalid header name ''"},
		{text: "set X:", err: "Invalid format of header name and header value pair 'X:'"},
		{text: "set X::", err: "Invalid format of header name and header value pair"},
		{text: "set X:a,b", err: "Invalid format of header config 'b'"},
	} {
		got, err := ParseHeaderRules(c.text)
		if c.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%s: %v, want %s", c.text, err, c.err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %s %v", c.text, diff, err)
		}
	}
}

func TestParseListener(t *testing.T) {
	for text, want := range map[string]Listener{
		"http://:8083":            {"http", "", 8083},
		"HTTPS://my-host.x:8443":  {"https", "my-host.x", 8443},
		"http://[::1]:0":          {"http", "::1", 0},
		"http://[fe80::1%eth0]:1": {"http", "fe80::1%eth0", 1},
		"http://x:-1":             {"http", "x", 0}, // any port, as in Java
	} {
		if got, err := ParseListener(text); err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"", ":8083", "http://x", "http://x:65536", "ws://x:1", "http://a b:1", "http://x:1/"} {
		if got, err := ParseListener(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
