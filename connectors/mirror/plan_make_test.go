package mirror

import (
	"context"
	"maps"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/client"
)

func lines(items []PlanItem) (out []string) {
	for _, i := range items {
		out = append(out, i.String())
	}
	return out
}

func TestPlanOfASource(t *testing.T) {
	f := newFakes(t)
	f.source.topic("new", 2, 3, "retention.ms", "7")
	f.source.topic("grown", 3, 1)
	f.target.topic("S.grown", 1, 1)
	f.source.topic("same", 1, 1, "retention.ms", "7")
	f.target.topic("S.same", 1, 1, "retention.ms", "8")
	f.source.topic("T.back", 1, 1)
	source, target := maps.Clone(f.source.topics), maps.Clone(f.target.topics)
	p := props(propCycles, "false", propSyncsLocation, "target", propSyncsRF, "1")
	got, err := Plan(t.Context(), f, p)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"create topic S.new on T: 2 partitions, replication factor 2, retention.ms=7",
		"create topic mm2-offset-pieces.S.internal on T: 1 partition, replication factor 1, cleanup.policy=compact, segment.bytes=67108864",
		"create topic mm2-offset-syncs.S.internal on T: 1 partition, replication factor 1, cleanup.policy=compact",
		"create topic mm2-topic-ids.S.internal on T: 1 partition, replication factor 2, cleanup.policy=compact, segment.bytes=16777216",
		"add partitions to topic S.grown on T: 3 instead of 1",
		"alter topic S.same on T: retention.ms=7",
		"copy topic grown to S.grown on T: 3 partitions",
		"copy topic new to S.new on T: 2 partitions",
		"copy topic same to S.same on T: 1 partition",
	}
	if d := cmp.Diff(want, lines(got)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if d := cmp.Diff(source, f.source.topics) + cmp.Diff(target, f.target.topics); d != "" || len(f.target.altered) > 0 {
		t.Errorf("the plan changed something: %s %v", d, f.target.altered)
	}
}

// What a plan says is what the connector does.
func TestPlanIsWhatHappens(t *testing.T) {
	f := newFakes(t)
	f.source.topic("a", 2, 3, "retention.ms", "7")
	f.source.topic("b", 3, 1)
	f.target.topic("S.b", 1, 1, "retention.ms", "9")
	p := props(propCycles, "false", propEmitSyncs, "false", propReplication, "1")
	before, err := Plan(t.Context(), f, p)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := started(t, f, p)
	assigned(t, c, 1)
	if err := c.syncConfigs(t.Context()); err != nil {
		t.Fatal(err)
	}
	made := f.target.topics["S.a"]
	created := client.Topic{Name: before[0].Topic, Partitions: before[0].Partitions, Replication: before[0].Replication}
	if made != created || f.target.configs["S.a"]["retention.ms"].Value != before[0].Set["retention.ms"] {
		t.Errorf("planned %v, made %v", before[0], made)
	}
	after, err := Plan(t.Context(), f, p)
	want := []string{"copy topic a to S.a on T: 2 partitions", "copy topic b to S.b on T: 3 partitions"}
	if d := cmp.Diff(want, lines(after)); err != nil || d != "" {
		t.Errorf("after it was done there is still to do: %v %s", err, d)
	}
}

func TestPlanInValidation(t *testing.T) {
	f := newFakes(t)
	f.source.topic("a", 1, 1)
	ask := func(dial dialer, more ...string) config.Value {
		p := props(append([]string{propCycles, "false", propEmitSyncs, "false", propPlan, "true"}, more...)...)
		for _, v := range planned(t.Context(), f, dial, p, nil) {
			return v
		}
		return config.Value{}
	}
	here := func(context.Context, string, string) (net.Conn, error) { a, _ := net.Pipe(); return a, nil }
	if v := ask(here); v.Name != "plan" || v.Value != "3 things to do; nothing was written" || len(v.RecommendedValues) != 3 || len(v.Errors) > 0 {
		t.Errorf("%+v", v)
	}
	if v := ask(here, "source.cluster.bootstrap.servers", ""); !strings.HasPrefix(v.Value.(string), "no plan: ") || len(v.Errors) > 0 {
		t.Errorf("%+v", v)
	}
	if v := ask(here, propPlan, "false"); v.Name != "" {
		t.Errorf("not asked for: %+v", v)
	}
	if v := ask(here, propPlan, "maybe"); v.Name != propPlan || len(v.Errors) != 1 {
		t.Errorf("%+v", v)
	}
	unreachable := func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }
	if v := ask(unreachable); !strings.HasPrefix(v.Value.(string), "no plan: ") {
		t.Errorf("%+v", v)
	}
}
