package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// mirrorCommand runs connectd mirror and gives its exit code and output.
func mirrorCommand(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), connectd, append([]string{"mirror"}, args...)...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// connectorFile writes a connector's config as a file.
func connectorFile(t *testing.T, name string, conf map[string]string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"name": name, "config": conf})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name+".json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func topicNames(t *testing.T, bootstrap string) []string {
	t.Helper()
	topics, err := kadm.NewClient(kafkaClient(t, bootstrap)).ListTopicsWithInternal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return topics.Names()
}

type planInfo struct {
	Name        string   `json:"name"`
	Recommended []string `json:"recommended_values"`
}

// plan asks what a link would do, by the command and by validation; nothing is written.
func (r *ringTest) plan(t *testing.T) {
	createTopic(t, r.addresses["A"], "planned", 3, nil)
	before := [][]string{topicNames(t, r.addresses["A"]), topicNames(t, r.addresses["B"])}
	conf := r.link("A", "B", "planned", false)
	code, stdout, stderr := mirrorCommand(t, "--plan", connectorFile(t, "planned", conf))
	for _, want := range []string{
		"create topic A.planned on B: 3 partitions, replication factor 1", "copy topic planned to A.planned on B: 3 partitions", "Nothing was written",
	} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Fatalf("exit code %d, without %q\n%s%s", code, want, stdout, stderr)
		}
	}
	var infos struct {
		Configs []struct {
			Value planInfo `json:"value"`
		} `json:"configs"`
	}
	do(t, "PUT", r.n.url+"/connector-plugins/MirrorSource/config/validate", merged(conf, map[string]string{"name": "planned", "plan.enabled": "true"}), &infos)
	var lines []string
	for _, c := range infos.Configs {
		if c.Value.Name == "plan" {
			lines = c.Value.Recommended
		}
	}
	if !slices.Contains(lines, "copy topic planned to A.planned on B: 3 partitions") {
		t.Errorf("validation does not tell the plan: %q", lines)
	}
	if d := cmp.Diff(before, [][]string{topicNames(t, r.addresses["A"]), topicNames(t, r.addresses["B"])}); d != "" {
		t.Errorf("topics before and after (-before +after)\n%s", d)
	}
}

// verified is the document of connectd mirror verify.
type verified struct {
	Links []struct {
		Total      verifiedCounts
		Partitions []struct {
			Topic       string
			Counts      verifiedCounts
			Differences []struct {
				Kind   string   `json:"kind"`
				Source int      `json:"source_offset"`
				Target int      `json:"target_offset"`
				What   []string `json:"what"`
			}
		}
	}
}

type verifiedCounts struct{ Source, Matched, Missing, Changed, Extra, Duplicates, Pending int }

// verify compares a copy that was made by hand, with what somebody did to it.
func (r *ringTest) verify(t *testing.T) {
	const n, lost, changed, twice = 3000, 1000, 2000, 2500
	topic := func(cluster, name string) *kgo.Client {
		createTopic(t, r.addresses[cluster], name, 1, nil)
		return kafkaClient(t, r.addresses[cluster], kgo.DefaultProduceTopic(name))
	}
	var source, good, bad []*kgo.Record
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i := range n {
		rec := kgo.Record{
			Key: fmt.Append(nil, "k", i%10), Value: fmt.Append(nil, "v", i), Timestamp: start.Add(time.Duration(i) * time.Millisecond),
			Headers: []kgo.RecordHeader{{Key: "n", Value: fmt.Append(nil, i)}},
		}
		if i%100 == 7 {
			rec.Value = nil
		}
		copies := [4]kgo.Record{rec, rec, rec, rec}
		source, good = append(source, &copies[0]), append(good, &copies[1])
		switch i {
		case lost:
			continue
		case changed:
			copies[2].Headers = []kgo.RecordHeader{{Key: "n", Value: []byte("other")}}
		case twice:
			bad = append(bad, &copies[3])
		}
		bad = append(bad, &copies[2])
	}
	produce := func(cl *kgo.Client, recs []*kgo.Record) {
		if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	twins := make([]*kgo.Record, n)
	for i, rec := range source {
		twin := *rec
		twins[i] = &twin
	}
	produce(topic("A", "fine"), twins)
	produce(topic("B", "A.fine"), good)
	produce(topic("A", "hand"), source)
	produce(topic("B", "A.hand"), bad)
	file := connectorFile(t, "hand", r.link("A", "B", "hand,fine", false))
	look := func(want int, args ...string) (v verified) {
		t.Helper()
		code, stdout, stderr := mirrorCommand(t, append([]string{"verify", "--json", "--quiet", file}, args...)...)
		if code != want {
			t.Fatalf("%q: exit code %d, want %d\n%s%s", args, code, want, stdout, stderr)
		}
		if err := json.Unmarshal([]byte(stdout), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := look(1).Links[0].Partitions
	if got := v[0].Counts; v[0].Topic != "fine" || got.Matched != n || got.Source != n || got.Missing+got.Changed+got.Extra != 0 {
		t.Errorf("a good copy: %+v", v[0])
	}
	if got := v[1].Counts; got.Matched != n-2 || got.Missing != 1 || got.Changed != 1 || got.Duplicates != 1 || got.Extra != 0 {
		t.Errorf("%+v", got)
	}
	want := `[{missing 1000 -1 []} {changed 2000 1999 [headers]}]`
	if got := fmt.Sprint(v[1].Differences); got != want {
		t.Errorf("differences\ngot  %s\nwant %s", got, want)
	}
	// Ranges.
	if got := look(0, "--topics", "hand", "--last", "300").Links[0].Total; got.Matched != 300 {
		t.Errorf("the last 300: %+v", got)
	}
	if got := look(1, "--topics", "hand", "--from", start.Add(time.Second).Format(time.RFC3339), "--to", "1500").Links[0].Total; got.Matched != 499 || got.Missing != 1 || got.Extra != 0 {
		t.Errorf("from a time on: %+v", got)
	}
	if got := look(0, "--topics", "fine", "--sample", "500").Links[0].Total; got.Matched != 500 {
		t.Errorf("a sample: %+v", got)
	}
	if code, stdout, _ := mirrorCommand(t, "verify", r.n.url, "nobody"); code != 2 {
		t.Errorf("a connector that is not there: exit code %d\n%s", code, stdout)
	}
}
