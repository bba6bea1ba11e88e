package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What differs on purpose, beside the order of fields where it carries no meaning:
//
//   - Of several statuses that wait to be written for one key, connectd writes the newest only. Hence the newest of each key are
//     compared, after each operation; and none may be of a form that Java did not write.
//   - UNASSIGNED and RESTARTING tell connectd's plugin version; Java's tell it or null, as it happens.

// compareRecords compares the topics of two writers.
func compareRecords(t *testing.T, history []string, java, ours *writer) {
	t.Helper()
	if diff := cmp.Diff(java.configs(t), ours.configs(t)); diff != "" {
		t.Errorf("config topic: Java -, connectd +\n%s", diff)
	}
	if diff := cmp.Diff(java.sessionKeys(t), ours.sessionKeys(t)); diff != "" {
		t.Errorf("session keys: Java -, connectd +\n%s", diff)
	}
	if diff := cmp.Diff(java.offsets(), ours.offsets()); diff != "" {
		t.Errorf("offset topic: Java -, connectd +\n%s", diff)
	}
	for i, op := range history {
		if diff := cmp.Diff(java.after[i], ours.after[i]); diff != "" {
			t.Errorf("status topic after %s: Java -, connectd +\n%s", op, diff)
		}
	}
	written := map[string]bool{}
	for _, r := range java.in("status") {
		written[java.status(r)] = true
	}
	for _, r := range ours.in("status") {
		if s := ours.status(r); !written[s] {
			t.Errorf("status topic: a record like none of Java's: %s", s)
		}
	}
	t.Logf("%d operations; %d records of Java's, %d of connectd's", len(history), len(java.records), len(ours.records))
}

// in gives the records of one of the topics.
func (w *writer) in(topic string) (out []*kgo.Record) {
	for _, r := range w.records {
		if r.Topic == w.group+"-"+topic {
			out = append(out, r)
		}
	}
	return out
}

// text is a record as it is compared.
func (w *writer) text(r *kgo.Record, value string) string {
	return fmt.Sprintf("%s %s headers %v partition %d", w.common(string(r.Key)), w.common(value), r.Headers, r.Partition)
}

// configs are the records of the config topic in order, but for session keys, which come by the clock.
func (w *writer) configs(t *testing.T) (out []string) {
	for _, r := range w.in("configs") {
		if string(r.Key) != "session-key" {
			out = append(out, w.text(r, sortedProperties(t, r)))
		}
	}
	return out
}

// sortedProperties are a value's bytes with its properties in order: Java's come by their hashes.
func sortedProperties(t *testing.T, r *kgo.Record) string {
	const begin = `{"properties":`
	if !strings.HasPrefix(string(r.Value), begin) {
		return valueOf(r)
	}
	var value struct{ Properties map[string]json.RawMessage } // bytes as they were written
	if err := json.Unmarshal(r.Value, &value); err != nil {
		t.Fatalf("%s: %v", r.Key, err)
	}
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(value.Properties)) {
		fmt.Fprintf(&b, "%s\n  %q:%s", begin, k, value.Properties[k])
	}
	return b.String()
}

var secret = regexp.MustCompile(`^\{"key":"([A-Za-z0-9+/]{43}=)","algorithm":"HmacSHA256","creation-timestamp":(\d{13})\}$`)

// sessionKeys are the different forms of session keys; each has another key and a later time than the one before.
func (w *writer) sessionKeys(t *testing.T) (out []string) {
	seen, last := map[string]bool{}, ""
	for _, r := range w.in("configs") {
		if string(r.Key) != "session-key" {
			continue
		}
		m := secret.FindStringSubmatch(string(r.Value))
		if m == nil {
			out = append(out, w.text(r, "odd: "+string(r.Value)))
			continue
		}
		if seen[m[1]] || m[2] <= last {
			t.Errorf("%s: a session key came twice, or is not later than the one before", w.group)
		}
		seen[m[1]], last = true, m[2]
		out = append(out, w.text(r, `{"key":…,"algorithm":"HmacSHA256","creation-timestamp":…}`))
	}
	if len(out) < 3 {
		t.Errorf("%s: %d session keys: they do not change with time", w.group, len(out))
	}
	return slices.Compact(out)
}

// offsets are the newest records of the offset topic: how often they are written is a matter of time.
func (w *writer) offsets() map[string]string {
	out := map[string]string{}
	for _, r := range w.in("offsets") {
		out[w.common(string(r.Key))] = w.text(r, valueOf(r))
	}
	return out
}

var (
	worker    = regexp.MustCompile(`"worker_id":"127\.0\.0\.1:\d+","generation":\d+`)
	passing   = regexp.MustCompile(`^(\{"state":"(?:UNASSIGNED|RESTARTING)".*"version":)(null|"[^"]*")`)
	trace     = regexp.MustCompile(`"trace":"[^"](?:\\.|[^"\\])*"`)
	whenFound = regexp.MustCompile(`"discoverTimestamp":\d{13}\}`)
)

// status is a record of the status topic without what is another worker's.
func (w *writer) status(r *kgo.Record) string {
	value := worker.ReplaceAllString(valueOf(r), `"worker_id":"{worker}","generation":1`)
	value = trace.ReplaceAllString(value, `"trace":"{trace}"`)
	value = whenFound.ReplaceAllString(value, `"discoverTimestamp":1}`)
	return w.text(r, passing.ReplaceAllString(value, "${1}null"))
}

// newest are the newest records of the status topic by key; those of what was removed are tombstones.
func (w *writer) newest() map[string]string {
	out := map[string]string{}
	for _, r := range w.in("status") {
		out[string(r.Key)] = w.status(r)
	}
	return out
}
