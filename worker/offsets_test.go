package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/fault"
	"github.com/connectd/connectd/internal/client"
	"github.com/google/go-cmp/cmp"
)

// fakeGroups are the committed offsets of consumer groups.
type fakeGroups struct {
	mu      sync.Mutex
	offsets map[string]map[connect.TopicPartition]int64
	admin   map[string]string // properties of the last call
	fail    error
	known   []connect.TopicPartition // all that there are, if set
}

func (g *fakeGroups) call(admin map[string]string) (unlock func(), err error) {
	g.mu.Lock()
	g.admin = admin
	return g.mu.Unlock, g.fail
}

func (g *fakeGroups) GroupOffsets(_ context.Context, admin map[string]string, group string) (map[connect.TopicPartition]int64, error) {
	unlock, err := g.call(admin)
	defer unlock()
	return maps.Clone(g.offsets[group]), err
}

func (g *fakeGroups) AlterGroupOffsets(_ context.Context, admin map[string]string, group string, offsets map[connect.TopicPartition]*int64) error {
	unlock, err := g.call(admin)
	defer unlock()
	for tp, at := range offsets {
		if g.known != nil && !slices.Contains(g.known, tp) || at == nil && g.offsets[group] == nil {
			err = client.ErrUnknownTopic
		}
	}
	if err != nil {
		return err
	}
	if g.offsets == nil {
		g.offsets = map[string]map[connect.TopicPartition]int64{}
	}
	if g.offsets[group] == nil {
		g.offsets[group] = map[connect.TopicPartition]int64{}
	}
	for tp, at := range offsets {
		if at == nil {
			delete(g.offsets[group], tp)
		} else {
			g.offsets[group][tp] = *at
		}
	}
	return nil
}

func (g *fakeGroups) DeleteGroup(_ context.Context, admin map[string]string, group string) error {
	unlock, err := g.call(admin)
	defer unlock()
	if err == nil {
		delete(g.offsets, group)
	}
	return err
}

func (g *fakeGroups) set(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fail = err
}

// altering is a source and sink with an opinion about offsets.
type altering struct {
	connect.Connector
	say func(ctx context.Context) (bool, error)
}

func (a *altering) AlterSourceOffsets(ctx context.Context, _ map[string]string, offsets []connect.PartitionOffset) (bool, error) {
	for i, o := range offsets {
		if len(o.Partition) == 2 && o.Partition[0].Key == "z" {
			offsets[i].Partition = connect.Entries{o.Partition[1], o.Partition[0]}
		}
	}
	return a.say(ctx)
}

func (a *altering) AlterSinkOffsets(ctx context.Context, _ map[string]string, _ map[connect.TopicPartition]*int64) (bool, error) {
	return a.say(ctx)
}

// registerAltering adds test.Altering and test.AlteringSink to the fault connectors.
func registerAltering(say func(context.Context) (bool, error)) func(connect.Registrar) {
	return func(r connect.Registrar) {
		set := fault.New()
		for class, p := range map[string]connect.ConnectorPlugin{"test.AlteringSource": set.Source(), "test.AlteringSink": set.Sink()} {
			made := p.New
			p.Class = class
			p.New = func() connect.Connector { return &altering{made(), say} }
			r.Connector(p)
		}
	}
}

const (
	altered = "The offsets for this connector have been altered successfully"
	reset   = "The offsets for this connector have been reset successfully"
	mustBe  = "Connectors must be in the STOPPED state"
)

// offsets asks for something about a connector's offsets and wants an answer that holds a text.
func (w *testWorker) offsets(method, name, body, want string) {
	w.t.Helper()
	var in any
	if body != "" {
		in = json.RawMessage(body)
	}
	status, got, err := w.call(method, "/connectors/"+name+"/offsets", in)
	if got = fmt.Sprint(status, " ", got); err != nil || !strings.Contains(got, want) {
		w.t.Errorf("%s %s %s\n got %s %v\nwant %s", method, name, body, got, err, want)
	}
}

func offset(partition, offset string) string {
	return fmt.Sprintf(`{"offsets":[{"partition":%s,"offset":%s}]}`, partition, offset)
}

func TestSourceOffsetsAreAlteredWhileStopped(t *testing.T) {
	say := func(context.Context) (bool, error) { return true, nil }
	c := newWorkers(t, 2, registerAltering(func(ctx context.Context) (bool, error) { return say(ctx) }), nil)
	_, w := c.apart() // the leader is asked by forwarding
	w.create("s", source(1, "records", "3"))
	w.awaitStates("s", "RUNNING RUNNING")
	w.eventually(func() error {
		status, body, err := w.call("GET", "/connectors/s/offsets", nil)
		if want := `{"offsets":[{"partition":{"task":"0"},"offset":{"written":3}}]}`; err == nil && (status != 200 || body != want) {
			err = fmt.Errorf("offsets are %s", body)
		}
		return err
	})
	w.offsets("PATCH", "s", offset(`{"task":"0"}`, `{"written":1}`), "400 "+`{"error_code":400,"message":"`+mustBe)
	w.offsets("DELETE", "s", "", "400 "+`{"error_code":400,"message":"`+mustBe)
	w.offsets("PATCH", "nope", offset(`{}`, `{}`), `404 {"error_code":404,"message":"Connector nope not found"}`)
	w.offsets("DELETE", "nope", "", `404 {"error_code":404,"message":"Connector nope not found"}`)
	w.offsets("GET", "nope", "", `404 {"error_code":404,"message":"Connector nope not found"}`)
	w.offsets("PATCH", "s", "{}", `400 {"error_code":400,"message":"Partitions / offsets need to be provided for an alter offsets request"}`)

	w.must(http.StatusNoContent, "PUT", "/connectors/s/stop", nil)
	w.awaitStates("s", "STOPPED")
	// This connector has no opinion.
	w.offsets("PATCH", "s", offset(`{"task":"0"}`, `{"written":2}`), "200 "+`{"message":"The Connect framework-managed offsets for this connector have `+
		`been altered successfully. However, if this connector manages offsets externally, they will need to be manually altered in the system`)
	w.offsets("GET", "s", "", `{"offsets":[{"partition":{"task":"0"},"offset":{"written":2}}]}`)
	w.offsets("PATCH", "s", offset(`{"task":["0"]}`, `{"written":2}`), "500 "+`{"error_code":500,"message":"Offsets may only contain primitive types as values, but field task contains ARRAY"}`)
	w.offsets("PATCH", "s", offset(`{"task":"0"}`, `{"written":99999999999999999999}`), "but field written contains class java.math.BigInteger")

	w.must(http.StatusAccepted, "PUT", "/connectors/s/resume", nil)
	w.awaitStates("s", "RUNNING RUNNING")
	w.eventually(func() error {
		got := c.kafka.values("out")
		if again := strings.Count(strings.Join(got, " "), "0-2"); again < 2 {
			return fmt.Errorf("written are %v", got)
		}
		return nil
	})
	w.must(http.StatusNoContent, "PUT", "/connectors/s/stop", nil)
	w.awaitStates("s", "STOPPED")
	w.offsets("DELETE", "s", "", "200 "+`{"message":"The Connect framework-managed offsets for this connector have been reset successfully.`)
	w.offsets("GET", "s", "", `200 {"offsets":[]}`)
	w.offsets("DELETE", "s", "", `200 `)
}

func TestConnectorsHaveASayAboutTheirOffsets(t *testing.T) {
	var mu sync.Mutex
	var answer func(context.Context) (bool, error)
	say := func(f func(context.Context) (bool, error)) {
		mu.Lock()
		defer mu.Unlock()
		answer = f
	}
	yes := func(context.Context) (bool, error) { return true, nil }
	c := newWorkers(t, 1, registerAltering(func(ctx context.Context) (bool, error) {
		mu.Lock()
		f := answer
		mu.Unlock()
		return f(ctx)
	}), nil)
	w := c.all[0]
	for name, class := range map[string]string{"a": "test.AlteringSource", "k": "test.AlteringSink"} {
		w.must(http.StatusCreated, "POST", "/connectors", map[string]any{
			"name": name, "config": source(1, "connector.class", class, "records", "0", "topics", "t"), "initial_state": "STOPPED",
		})
		w.awaitStates(name, "STOPPED")
	}
	say(yes)
	// Fields are put into the connector's order, found again in any, and of the same partition the last one counts.
	w.offsets("PATCH", "a", offset(`{"z":1,"a":true}`, `{"n":1.5,"m":null}`), altered)
	w.offsets("GET", "a", "", `200 {"offsets":[{"partition":{"a":true,"z":1},"offset":{"n":1.5,"m":null}}]}`)
	w.offsets("PATCH", "a", `{"offsets":[{"partition":{"z":1,"a":true},"offset":{"n":5}},{"partition":{"a":true,"z":1},"offset":{"n":6}},
		{"partition":{"b":1.0}},{"partition":{"b":1},"offset":{}}]}`, altered)
	w.offsets("GET", "a", "", `200 {"offsets":[{"partition":{"a":true,"z":1},"offset":{"n":6}},{"partition":{"b":1},"offset":{}}]}`)
	w.offsets("PATCH", "a", offset(`{"b":1}`, `null`), altered)
	w.offsets("PATCH", "a", offset("null", "null"), altered)
	w.offsets("PATCH", "k", offset(`{"kafka_topic":"t","kafka_partition":0}`, `{"kafka_offset":5}`), altered)

	for text, f := range map[string]func(context.Context) (bool, error){
		`500 {"error_code":500,"message":"Never!"}`: func(context.Context) (bool, error) { return true, errors.New("Never!") },
		"Failed to modify offsets for connector %s because it doesn't support external modification of offsets\"}": func(context.Context) (bool, error) {
			return false, fmt.Errorf("no: %w", errors.ErrUnsupported)
		},
		"500 {\"error_code\":500,\"message\":\"Failed to modify offsets for %s connector %s\"}": func(context.Context) (bool, error) { panic("at the disco") },
	} {
		say(f)
		w.offsets("PATCH", "a", offset(`{"a":true,"z":1}`, `{"n":9}`), strings.NewReplacer("%s connector %s", "source connector a", "%s", "a").Replace(text))
		w.offsets("DELETE", "a", "", strings.NewReplacer("%s connector %s", "source connector a", "%s", "a").Replace(text))
		w.offsets("PATCH", "k", offset(`{"kafka_topic":"t","kafka_partition":0}`, `{"kafka_offset":9}`), strings.NewReplacer("%s connector %s", "sink connector k", "%s", "k").Replace(text))
		w.offsets("DELETE", "k", "", strings.NewReplacer("%s connector %s", "sink connector k", "%s", "k").Replace(text))
	}
	w.offsets("GET", "a", "", `200 {"offsets":[{"partition":{"a":true,"z":1},"offset":{"n":6}}]}`)
	w.offsets("GET", "k", "", `200 {"offsets":[{"partition":{"kafka_partition":0,"kafka_topic":"t"},"offset":{"kafka_offset":5}}]}`)
	say(yes)
	w.offsets("DELETE", "a", "", reset)
	w.offsets("GET", "a", "", `200 {"offsets":[]}`)
	w.offsets("DELETE", "k", "", reset)
	w.offsets("GET", "k", "", `200 {"offsets":[]}`)

	// While a connector thinks about it, it cannot be resumed, but others can.
	asked, goOn := make(chan struct{}), make(chan struct{})
	say(func(context.Context) (bool, error) { close(asked); <-goOn; return true, nil })
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.offsets("PATCH", "a", offset(`{"a":true,"z":1}`, `{"n":7}`), altered)
	}()
	<-asked
	resumed := make(chan error, 1)
	go func() { resumed <- w.expect(http.StatusAccepted, "PUT", "/connectors/a/resume", nil, nil) }()
	w.must(http.StatusAccepted, "PUT", "/connectors/k/resume", nil)
	w.awaitStates("k", "RUNNING RUNNING")
	select {
	case err := <-resumed:
		t.Error("resumed while its offsets are changed", err)
	default:
	}
	close(goOn)
	<-done
	if err := <-resumed; err != nil {
		t.Error(err)
	}
	w.awaitStates("a", "RUNNING RUNNING")
}

func TestSinkOffsets(t *testing.T) {
	c := newWorkers(t, 1, nil, map[string]string{"admin.retries": "7", "consumer.group.id": "all"})
	w, g := c.all[0], &c.kafka.fakeGroups
	for name, more := range map[string][]string{"k": {"consumer.override.group.id", "mine", "admin.override.retries", "8"}, "l": nil} {
		w.must(http.StatusCreated, "POST", "/connectors", map[string]any{
			"name": name, "initial_state": "STOPPED",
			"config": source(1, append([]string{"connector.class", fault.SinkClass, "topics", "t"}, more...)...),
		})
		w.awaitStates(name, "STOPPED")
	}
	at := func(n, p int) string {
		return fmt.Sprintf(`{"partition":{"kafka_topic":"t","kafka_partition":%d},"offset":{"kafka_offset":"%d"}}`, p, n)
	}
	w.offsets("PATCH", "k", `{"offsets":[`+at(5, 10)+","+at(6, 2)+","+at(7, 2)+`]}`, "200 "+`{"message":"The Connect framework-managed offsets`)
	w.offsets("GET", "k", "", `200 {"offsets":[{"partition":{"kafka_partition":2,"kafka_topic":"t"},"offset":{"kafka_offset":7}},`+
		`{"partition":{"kafka_partition":10,"kafka_topic":"t"},"offset":{"kafka_offset":5}}]}`)
	w.offsets("GET", "l", "", `200 {"offsets":[]}`)
	w.offsets("PATCH", "l", `{"offsets":[`+at(1, 0)+`]}`, "200 ")
	g.mu.Lock()
	if diff := cmp.Diff(map[string]map[connect.TopicPartition]int64{"mine": {{Topic: "t", Partition: 10}: 5, {Topic: "t", Partition: 2}: 7}, "all": {{Topic: "t"}: 1}}, g.offsets); diff != "" {
		t.Error(diff)
	}
	if g.admin["retries"] != "7" || g.admin["client.id"] != "connector-worker-adminclient-l" || g.admin["bootstrap.servers"] == "" {
		t.Error(g.admin)
	}
	g.mu.Unlock()
	w.offsets("PATCH", "k", `{"offsets":[`+at(-1, 2)+`]}`, `500 {"error_code":500,"message":"Failed to modify offsets for sink connector k"}`)

	const zombies = " either because its tasks haven't stopped completely yet or the connector was resumed before the request to "
	g.set(fmt.Errorf("broker says: %w", client.ErrGroupNotEmpty))
	w.offsets("PATCH", "k", `{"offsets":[`+at(1, 2)+`]}`, "500 "+`{"error_code":500,"message":"Failed to alter consumer group offsets for connector k`+zombies+"alter its")
	g.set(errors.New("broker secret"))
	w.offsets("PATCH", "k", `{"offsets":[`+at(1, 2)+`]}`, `500 {"error_code":500,"message":"Failed to alter consumer group offsets for connector k"}`)
	w.offsets("GET", "k", "", `500 {"error_code":500,"message":"Failed to retrieve consumer group offsets for sink connector k"}`)
	w.offsets("DELETE", "k", "", `500 {"error_code":500,"message":"Failed to list offsets prior to resetting offsets for sink connector k"}`)
	g.set(nil)
	w.offsets("DELETE", "k", "", "200 "+`{"message":"The Connect framework-managed offsets for this connector have been reset successfully.`)
	w.offsets("GET", "k", "", `200 {"offsets":[]}`)
}
