package configlog

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/internal/cluster"
)

func TestConfigRecordsByThemselves(t *testing.T) {
	for _, test := range []struct {
		key, value string // no value: tombstone
		want       ConfigRecord
		err        string
	}{
		{"connector-a-b", `{"properties":{"x":"1","y":null}}`, ConfigRecord{Kind: KindConnector, Connector: "a-b", Config: map[string]string{"x": "1"}}, ""},
		{"connector-m", "", ConfigRecord{Kind: KindConnector, Connector: "m", Removed: true}, ""},
		{"task-a-1-12", `{"properties":{"x":"1"}}`, ConfigRecord{Kind: KindTask, Connector: "a-1", Task: 12, Config: map[string]string{"x": "1"}}, ""},
		{"task-a", `{"properties":{}}`, ConfigRecord{Kind: KindTask}, "the key does not end in a task number"},
		{"commit-m", `{"tasks":3}`, ConfigRecord{Kind: KindCommit, Connector: "m", Tasks: 3}, ""},
		{"commit-m", "", ConfigRecord{Kind: KindCommit, Connector: "m"}, "the value is null instead of an object"},
		{"target-state-m", `{"state":"PAUSED","state.v2":"STOPPED"}`, ConfigRecord{Kind: KindTargetState, Connector: "m", Target: cluster.TargetStopped}, ""},
		{"target-state-m", "", ConfigRecord{Kind: KindTargetState, Connector: "m", Removed: true}, ""},
		{
			"restart-connector-m", `{"include-tasks":true}`,
			ConfigRecord{Kind: KindRestart, Connector: "m", Restart: Restart{Connector: "m", IncludeTasks: true}},
			"",
		},
		{"tasks-fencing-m", `{"task-count":2}`, ConfigRecord{Kind: KindTaskCount, Connector: "m", Tasks: 2}, ""},
		{"logger-cluster-org.x", `{"level":"INFO"}`, ConfigRecord{Kind: KindLogger, Logger: LoggerLevel{"org.x", "INFO"}}, ""},
		{"logger-cluster-org.x", `{`, ConfigRecord{Kind: KindLogger, Logger: LoggerLevel{Logger: "org.x"}}, "the value is not JSON: invalid JSON at byte 1: a field name is expected"},
		{
			"session-key", `{"key":"YQ==","algorithm":"HmacSHA256","creation-timestamp":7}`,
			ConfigRecord{Kind: KindSessionKey, SessionKey: &cluster.SessionKey{Key: []byte("a"), Algorithm: "HmacSHA256", CreatedMs: 7}},
			"",
		},
		{"shiny-new-m", `{}`, ConfigRecord{}, "unknown key"},
	} {
		var value []byte
		if test.value != "" {
			value = []byte(test.value)
		}
		got, err := ParseConfig([]byte(test.key), value)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if diff := cmp.Diff(test.want, got); diff != "" || text != test.err {
			t.Errorf("%s %s: error %q, want %q\n%s", test.key, test.value, text, test.err, diff)
		}
	}
}

// FuzzParseConfig checks that a record is refused exactly where a replay skips it.
func FuzzParseConfig(f *testing.F) {
	for _, s := range [][2]string{
		{"connector-m", `{"properties":{}}`},
		{"task-m-0", `{"properties":{"a":1}}`},
		{"commit-m", `{"tasks":-1}`},
		{"task-m-99999999999", `{"properties":{}}`},
		{"target-state-m", `{"state":"X"}`},
		{"session-key", `{"key":""}`},
		{"tasks-fencing-", `{"task-count":1}`},
		{"", ``},
	} {
		f.Add(s[0], s[1], false)
		f.Add(s[0], s[1], true)
	}
	f.Fuzz(func(t *testing.T, key, value string, tombstone bool) {
		r := Record{Key: []byte(key), Value: []byte(value)}
		if tombstone {
			r.Value = nil
		}
		_, err := ParseConfig(r.Key, r.Value)
		_, _, warnings := New().Apply([]Record{r})
		if (err != nil) != (len(warnings) > 0) || err != nil && err.Error() != warnings[0].Reason {
			t.Fatalf("%v, but a replay says %v", err, warnings)
		}
	})
}
