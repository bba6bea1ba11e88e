package testkit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/connectd/connectd/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func client(t *testing.T, bootstrap string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	// A topic that was made a moment ago may be unknown to a busy broker.
	options = append(options, kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.UnknownTopicRetries(-1), kgo.MetadataMinAge(100*time.Millisecond))
	c, err := kgo.NewClient(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func produce(ctx context.Context, t *testing.T, c *kgo.Client, topic, value string) {
	t.Helper()
	if err := c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// consume reads so many records from the topic's beginning.
func consume(ctx context.Context, t *testing.T, bootstrap, topic string, count int) []string {
	t.Helper()
	c := client(t, bootstrap, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var values []string
	for len(values) < count {
		fetches := c.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			t.Fatalf("%d of %d records: %v", len(values), count, errors.Join(err, fetches.Err0()))
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

func TestBrokerKeepsItsDataOverKillAndRestart(t *testing.T) {
	broker := testkit.StartBroker(t, testkit.Property("auto.create.topics.enable", "false"))
	ctx := deadline(t)
	c := client(t, broker.Bootstrap)
	admin := kadm.NewClient(c)
	if _, err := admin.CreateTopic(ctx, 1, 1, nil, "kept"); err != nil {
		t.Fatal(err)
	}
	produce(ctx, t, c, "kept", "before")
	broker.Kill()
	if broker.Running() {
		t.Fatal("the broker runs after Kill")
	}
	broker.Restart()
	produce(ctx, t, c, "kept", "after")
	if got := fmt.Sprint(consume(ctx, t, broker.Bootstrap, "kept", 2)); got != "[before after]" {
		t.Fatalf("records after the restart: %s", got)
	}
	broker.Stop()
	if broker.Running() {
		t.Fatal("the broker runs after Stop")
	}
}

func TestBrokerHasTheFeaturesThatKafkaFormatsItWith(t *testing.T) {
	bootstrap := testkit.Kafka(t)
	out := testkit.RunTool(t, "org.apache.kafka.tools.FeatureCommand", "--bootstrap-server", bootstrap, "describe")
	for _, feature := range []string{"metadata.version", "transaction.version", "group.version"} {
		line := ""
		for candidate := range strings.Lines(out) {
			if strings.Contains(candidate, "Feature: "+feature) {
				line = candidate
			}
		}
		if line == "" || strings.Contains(line, "FinalizedVersionLevel: 0") {
			t.Errorf("feature %s is not finalized: %q", feature, line)
		}
	}
}

func TestPausedBrokerAnswersNobodyUntilItContinues(t *testing.T) {
	broker := testkit.StartBroker(t)
	admin := kadm.NewClient(client(t, broker.Bootstrap))
	// Groups are asked for each time; topics may come from the client's memory.
	if _, err := admin.ListGroups(deadline(t)); err != nil {
		t.Fatal(err)
	}
	broker.Pause()
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := admin.ListGroups(short); err == nil {
		t.Fatal("a paused broker answered")
	}
	broker.Continue()
	if _, err := admin.ListGroups(deadline(t)); err != nil {
		t.Fatal(err)
	}
}

func TestListenerOptionOpensASecuredListener(t *testing.T) {
	broker := testkit.StartBroker(t,
		testkit.Listener("SAFE", "SASL_PLAINTEXT"),
		testkit.Property("listener.name.safe.sasl.enabled.mechanisms", "PLAIN"),
		testkit.Property("listener.name.safe.plain.sasl.jaas.config",
			`org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="wonder";`))
	if broker.Listener("SAFE") == "" || broker.Listener("SAFE") == broker.Bootstrap {
		t.Fatalf("address of the listener: %q", broker.Listener("SAFE"))
	}
	list := func(ctx context.Context, options ...kgo.Opt) error {
		_, err := kadm.NewClient(client(t, broker.Listener("SAFE"), options...)).ListTopics(ctx)
		return err
	}
	alice := plain.Auth{User: "alice", Pass: "wonder"}
	if err := list(deadline(t), kgo.SASL(alice.AsMechanism())); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := list(ctx); err == nil {
		t.Fatal("the secured listener let in a client without credentials")
	}
}

func TestClusterElectsNewLeadersWhenABrokerIsKilled(t *testing.T) {
	cluster := testkit.StartCluster(t, 2)
	ctx := deadline(t)
	c := client(t, cluster.Bootstrap())
	admin := kadm.NewClient(c)
	if _, err := admin.CreateTopic(ctx, 1, 2, nil, "moving"); err != nil {
		t.Fatal(err)
	}
	leader := func(ctx context.Context) (int32, error) {
		topics, err := admin.ListTopics(ctx, "moving")
		if err != nil {
			return -1, err
		}
		partition := topics["moving"].Partitions[0]
		return partition.Leader, partition.Err
	}
	produce(ctx, t, c, "moving", "x")
	old, err := leader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, broker := range cluster.Brokers {
		if broker.ID == old {
			broker.Kill()
		}
	}
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		now, err := leader(ctx)
		if err == nil && (now == old || now < 0) {
			err = fmt.Errorf("leader is %d, as before", now)
		}
		return err
	})
	produce(ctx, t, c, "moving", "y")
}

func TestJavaWorkerAnswers(t *testing.T) {
	worker := testkit.StartJavaWorker(t, testkit.Kafka(t), "testkit-worker")
	response, err := http.Get(worker.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var root struct {
		Version string `json:"version"`
	}
	if err := json.NewDecoder(response.Body).Decode(&root); err != nil {
		t.Fatal(err)
	}
	if root.Version != testkit.KafkaVersion {
		t.Fatalf("version %q, want %q", root.Version, testkit.KafkaVersion)
	}
	worker.Stop()
}
