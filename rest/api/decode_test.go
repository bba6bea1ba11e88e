package api

import (
	"encoding/json"
	"errors"
	"math/rand"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func text(s string) *string { return &s }

func TestDecodeConfig(t *testing.T) {
	got, err := DecodeConfig([]byte("\ufeff {\"s\":\"a\\u00e9\\ud83d\\ude00\\/\\n\", \"n\" : 1.50 ,\"e\":-1e3,\"t\":true,\"f\":false,\"z\":null,\"d\":1,\"d\":2,\"half\":\"\\ud83d!\",\"\":\"\"}\r\n"), "x")
	want := Config{
		"s": text("aé😀/\n"), "n": text("1.50"), "e": text("-1e3"), "t": text("true"), "f": text("false"), "z": nil,
		"d": text("2"), "half": text("\ufffd!"), "": text(""),
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	values, nulls := got.Values()
	if len(values) != 8 || len(nulls) != 1 || nulls[0] != "z" {
		t.Errorf("%v %v", values, nulls)
	}
}

func TestDecodeCreateConnector(t *testing.T) {
	got, err := DecodeCreateConnector([]byte(`{"initial_state":"stopped","config":{"a":1},"name":null}`))
	want := &CreateConnectorRequest{Config: Config{"a": text("1")}, InitialState: "STOPPED"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if data, err := json.Marshal(got); err != nil || string(data) != `{"name":"","config":{"a":"1"},"initial_state":"STOPPED"}` {
		t.Errorf("%s %v", data, err)
	}
}

// TestDeepNesting: a body of brackets is refused, not recursed into until the stack ends.
func TestDeepNesting(t *testing.T) {
	for _, unit := range []string{"[", `{"a":`} {
		_, err := DecodeCreateConnector([]byte(`{"x":` + strings.Repeat(unit, 1<<20)))
		if err == nil || !strings.Contains(err.Error(), "Document nesting depth (1001) exceeds the maximum allowed") {
			t.Errorf("%.200v", err)
		}
	}
}

// TestDecodeAgreesWithEncodingJSON: what encoding/json writes for a map of strings, the scanner reads back.
func TestDecodeAgreesWithEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "map")
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := DecodeConfig(data, "x")
		if err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if got, nulls := cfg.Values(); len(nulls) > 0 || !cmp.Equal(want, got) {
			t.Fatal(cmp.Diff(want, got))
		}
	})
}

// FuzzDecode: no body makes a decoder panic; what encoding/json takes for a map of strings reads the same, and what it takes for no
// JSON is refused.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"a":"b"}`, `{"name":"x","config":{"a":1.5e3,"b":null},"initial_state":"PAUSED"}`, `[{"a":"\u00e9"}]`, "", "null", "{", `{"a":tru`,
		`{"a":-`, `{"a":"\ud83d\ude00`, "\xff", `{"a":0`, `[1,`, `""`, "{}\r\n\t ", `{"a":"\ud83d\u12`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		cfg, err := DecodeConfig(body, "x")
		_, createErr := DecodeCreateConnector(body)
		_, tasksErr := DecodeTaskConfigs(body)
		for _, err := range []error{err, createErr, tasksErr} {
			var known *Error
			if err != nil && (!errors.As(err, &known) || known.Status != 500) {
				t.Errorf("unclassed error %v", err)
			}
		}
		if err == nil && !json.Valid(body) && !strings.HasPrefix(string(body), "\ufeff") {
			t.Errorf("%q was taken", body)
		}
		var plain map[string]string
		if json.Unmarshal(body, &plain) != nil || plain == nil || !utf8.Valid(body) || err != nil && strings.Contains(err.Error(), "nesting") {
			return
		}
		if got, nulls := cfg.Values(); err != nil || len(nulls) == 0 && !cmp.Equal(plain, got) {
			t.Errorf("%q: %v, want %v (%v)", body, got, plain, err)
		}
	})
}

func TestAddNulls(t *testing.T) {
	infos := &ConfigInfos{ErrorCount: 1, Configs: []ConfigInfo{
		{Definition: &ConfigKeyInfo{Name: "a"}, Value: ConfigValueInfo{Name: "a", Errors: []string{"wrong"}}},
	}}
	infos.AddNulls([]string{"a", "b"})
	want := "Connector configuration is invalid and contains the following 3 error(s):\nwrong\n" + NullValue + "\n" + NullValue +
		"\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`"
	if err := infos.InvalidConfig(); err == nil || err.Error() != want || infos.ErrorCount != 3 || infos.Configs[1].Definition != nil {
		t.Errorf("%v %+v", err, infos)
	}
	if err := (&ConfigInfos{}).InvalidConfig(); err != nil {
		t.Error(err)
	}
}

func TestEncoding(t *testing.T) {
	for want, v := range map[string]any{
		`{"name":"<a->b&c>","config":{},"tasks":[],"type":"source"}`:                                               ConnectorInfo{Name: "<a->b&c>", Type: TypeSource},
		`{"id":1,"state":"FAILED","worker_id":"w","version":null,"trace":"t"}`:                                     TaskStatus{ID: 1, State: "FAILED", WorkerID: "w", Trace: "t"},
		`{"id":0,"state":"RUNNING","worker_id":"w"}`:                                                               TaskStatus{State: "RUNNING", WorkerID: "w", Version: Undefined},
		`{"class":"c","type":"sink","version":"1"}`:                                                                PluginInfo{Class: "c", Type: "sink", Version: "1"},
		`{"class":"c","type":"sink"}`:                                                                              PluginInfo{Class: "c", Type: "sink", Version: Undefined},
		`{"definition":null,"value":{"name":"","value":null,"recommended_values":[],"errors":[],"visible":false}}`: ConfigInfo{},
		`{"level":"INFO","last_modified":null}`:                                                                    LoggerLevel{Level: "INFO"},
		`{"topics":[]}`:                                                                                            ActiveTopics{},
	} {
		if got, err := Marshal(v); err != nil || string(got) != want {
			t.Errorf("%s %v\nwant %s", got, err, want)
		}
	}
}

func TestSignatures(t *testing.T) {
	key, body := make([]byte, 40), []byte(`[{"a":"b"}]`)
	for i := range key {
		key[i] = byte(i)
	}
	// The digests are what Java's Mac makes of this key and body.
	digests := map[string]string{
		"HmacMD5":        "iC6hzQHi2xHIm+zWMnu8lQ==",
		"HmacSHA1":       "HSQtZpx5TihoERwXKx0Z1jfoz3U=",
		"HmacSHA224":     "qnpm00TD8kpmVTUn33E+m+5Whk8/JoMrJ2qpLw==",
		"HmacSHA256":     "eO3muAZoMLf/ZubJlVPXsQ5fakMJnAo7HqM0qQC5Hfg=",
		"hmacsha256":     "eO3muAZoMLf/ZubJlVPXsQ5fakMJnAo7HqM0qQC5Hfg=",
		"HmacSHA384":     "2hMRkjCktwiqTgS2ozNhtPmq4bGas+ZyLnCYbcUsRmzjELEQHKtgcw93B4K/AnZ4",
		"HmacSHA512":     "QMSHMun2CjUJVc5tK/yIiKk1CBJsjpb1qDlxVUXychbI4+LmspmsM7il6/jumegm+Zgemgy0PS4cbGDJOmflfQ==",
		"HmacSHA512/224": "GLC5YHCw3FYccyub48//vdx9TSYCcrKv5KJgkw==",
		"HmacSHA512/256": "x5sQxzrGL8DQn9vqkwrNUaUoQTVyKeaOLT1tJ7bKk4g=",
		"HmacSHA3-224":   "Ns7btbvO8rviGW32aHcBioY0UuiFOO7nTMpfTQ==",
		"HmacSHA3-256":   "5m0VpE7/ve/kV1291FvrJuhaftx+Tqeiz6Rsdi5AlrQ=",
		"HmacSHA3-384":   "B6tfSaytsnodRPjK7Pe9oWYrzYcH5CU92HQtDaH3vzszLKaeIdYliH96MzNt0XcE",
		"HmacSHA3-512":   "tdFj9HABU6YTENjif7MRzUYTkdzKlHH/Y6qp+6mdnNUCzpEopOhgUrxcrbnMm782g2yeoBJPlpPwIDp8ndSMNQ==",
	}
	for algorithm, want := range digests {
		got, err := Sign(key, algorithm, body)
		if err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", algorithm, got, err, want)
		}
		if err := CheckSignature(body, got, algorithm, key, []string{algorithm}); err != nil {
			t.Error(err)
		}
		if err := CheckSignature(append([]byte("x"), body...), got, algorithm, key, []string{algorithm}); err == nil {
			t.Errorf("%s: a changed body passes", algorithm)
		}
	}
	if len(digests) != len(macs)+1 {
		t.Errorf("%d of %d algorithms are tested", len(digests)-1, len(macs))
	}
	if got, err := Sign(key, "HmacSHA256", nil); err != nil || got != "fDFFMiMtP4wMq4m3jLxYsPodPHAKXhU1nHvYMBrGAMs=" {
		t.Errorf("no body: %s %v", got, err)
	}
	for name, tc := range map[string]struct {
		signature, algorithm string
		key                  []byte
		status               int
	}{
		"no signature":  {"", "HmacSHA256", key, 400},
		"no algorithm":  {"YWI=", "", key, 400},
		"unknown":       {"YWI=", "HmacFoo", key, 400},
		"not allowed":   {"YWI=", "HmacSHA1", key, 400},
		"no key yet":    {"YWI=", "HmacSHA256", nil, 503},
		"wrong":         {"YWI=", "HmacSHA256", key, 403},
		"padded amiss":  {"YW==I", "HmacSHA256", key, 400},
		"not even text": {"Y\x00", "HmacSHA256", key, 400},
	} {
		var known *Error
		err := CheckSignature(body, tc.signature, tc.algorithm, tc.key, []string{"HmacSHA256", "HmacSHA512"})
		if !errors.As(err, &known) || known.Status != tc.status {
			t.Errorf("%s: %v", name, err)
		}
		// Where nothing need be signed, only what can be no signature is refused.
		_, err = ReadSignature(tc.signature, tc.algorithm)
		if unreadable := name == "unknown" || name == "padded amiss" || name == "not even text"; (err != nil) != unreadable {
			t.Errorf("%s, unasked: %v", name, err)
		}
	}
}

// TestTruncated: every beginning of a good body is refused with a status, and none is taken for something else.
func TestTruncated(t *testing.T) {
	body := `{"name":"x","config":{"a":"\u00e9b","n":-1.5e+3,"t":true,"z":null},"initial_state":"PAUSED"}`
	for i := range len(body) {
		if _, err := DecodeCreateConnector([]byte(body[:i])); err == nil {
			t.Errorf("%q was taken", body[:i])
		}
	}
	r := rand.New(rand.NewSource(1))
	for range 2000 {
		broken := []byte(body)
		broken[r.Intn(len(broken))] = byte(r.Intn(256))
		_, err := DecodeCreateConnector(broken)
		if err == nil && !json.Valid(broken) {
			t.Errorf("%q was taken", broken)
		}
	}
}
