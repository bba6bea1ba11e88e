package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/testkit"
)

// lifeTest is one broker, which is source and target of mirrors, and one worker.
type lifeTest struct {
	*node
	bootstrap string
	cl        *kgo.Client
	adm       *kadm.Client
}

// TestMirrorTopicLife has topics come, grow, go and come again under mirrors, and partitions that can't go on.
func TestMirrorTopicLife(t *testing.T) {
	t.Parallel()
	b := testkit.StartBroker(t, testkit.Property("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
		testkit.Property("super.users", "User:ANONYMOUS"), testkit.Property("auto.create.topics.enable", "false"))
	cl := kafkaClient(t, b.Bootstrap)
	l := &lifeTest{bootstrap: b.Bootstrap, cl: cl, adm: kadm.NewClient(cl)}
	l.node = startNode(t, b.Bootstrap, "life", nil)
	t.Run("topics", func(t *testing.T) {
		t.Run("new ones and ACLs", func(t *testing.T) { t.Parallel(); l.newTopics(t) })
		t.Run("made anew", func(t *testing.T) { t.Parallel(); l.madeAnew(t) })
		t.Run("a record too large", func(t *testing.T) { t.Parallel(); l.tooLarge(t) })
		t.Run("throttled", func(t *testing.T) { t.Parallel(); l.throttled(t) })
	})
}

// mirror creates a mirror of topics, which looks for new ones only between refreshes.
func (l *lifeTest) mirror(t *testing.T, name, topics string, more ...string) map[string]string {
	t.Helper()
	conf := mirrorConfig(l.bootstrap, l.bootstrap, topics, 1)
	conf["refresh.topics.interval.seconds"], conf["refresh.topics.watch.ms"] = "3600", "500"
	conf["emit.offset-syncs.enabled"] = "false"
	delete(conf, "offset-syncs.topic.replication.factor")
	for i := 0; i < len(more); i += 2 {
		conf[more[i]] = more[i+1]
	}
	create(t, l.url, name, conf)
	return conf
}

// put changes the config of a mirror.
func (l *lifeTest) put(t *testing.T, name string, conf map[string]string, more ...string) {
	t.Helper()
	conf = maps.Clone(conf)
	for i := 0; i < len(more); i += 2 {
		conf[more[i]] = more[i+1]
	}
	do(t, http.MethodPut, l.url+"/connectors/"+name+"/config", conf, nil)
}

// send produces values into a partition.
func (l *lifeTest) send(t *testing.T, topic string, partition int32, values ...string) {
	t.Helper()
	recs := make([]*kgo.Record, len(values))
	for i, v := range values {
		recs[i] = &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)}
	}
	// With a client of its own, which knows nothing of what the topic was like before.
	cl := kafkaClient(t, l.bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(-1))
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		cl.PurgeTopicsFromClient(topic)
		return cl.ProduceSync(ctx, recs[:1]...).FirstErr()
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := cl.ProduceSync(ctx, recs[1:]...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// count waits until a partition of the target holds n records.
func (l *lifeTest) count(t *testing.T, topic string, partition int32, n int64) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		ends, err := l.adm.ListEndOffsets(ctx, topic)
		if err != nil {
			return err
		}
		if o, _ := ends.Lookup(topic, partition); o.Err != nil || o.Offset != n {
			return fmt.Errorf("%s-%d holds %d records instead of %d (%v)", topic, partition, o.Offset, n, o.Err)
		}
		return nil
	})
}

// says waits until the status of a mirror's task holds a text, and asks that the task runs.
func (l *lifeTest) says(t *testing.T, name, text string) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		var s status
		if err := l.get(ctx, "/connectors/"+name+"/status", &s); err != nil {
			return err
		}
		if len(s.Tasks) != 1 || s.Tasks[0].State != "RUNNING" || !strings.Contains(s.Tasks[0].Trace, text) || text == "" && s.Tasks[0].Trace != "" {
			return fmt.Errorf("want %q, have %+v", text, s.Tasks)
		}
		return nil
	})
}

func (l *lifeTest) newTopics(t *testing.T) {
	l.mirror(t, "news", "news-.*", "sync.topic.acls.enabled", "true", "sync.topic.acls.interval.seconds", "1")
	createTopic(t, l.bootstrap, "news-a", 1, nil)
	l.send(t, "news-a", 0, "1", "2")
	l.count(t, "S.news-a", 0, 2)
	if _, err := l.adm.UpdatePartitions(t.Context(), 2, "news-a"); err != nil {
		t.Fatal(err)
	}
	l.send(t, "news-a", 1, "3")
	l.count(t, "S.news-a", 1, 1)

	allow := kadm.NewACLs().Allow("User:reader").AllowHosts("*").Topics("news-a").ResourcePatternType(kadm.ACLPatternLiteral).
		Operations(kmsg.ACLOperationAll, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe)
	if _, err := l.adm.CreateACLs(t.Context(), allow); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		res, err := l.adm.DescribeACLs(ctx, kadm.NewACLs().Allow().AllowHosts().Deny().DenyHosts().Topics("S.news-a").Operations().ResourcePatternType(kadm.ACLPatternLiteral))
		if err != nil {
			return err
		}
		ops := map[string]bool{}
		for _, r := range res {
			for _, acl := range r.Described {
				ops[acl.Principal+" "+acl.Operation.String()] = true
			}
		}
		if len(ops) != 2 || !ops["User:reader READ"] || !ops["User:reader DESCRIBE"] {
			return fmt.Errorf("ACLs of the copy: %v", ops)
		}
		return nil
	})
}

func (l *lifeTest) madeAnew(t *testing.T) {
	createTopic(t, l.bootstrap, "anew", 1, nil)
	l.send(t, "anew", 0, "1", "2", "3")
	conf := l.mirror(t, "anew", "anew")
	l.count(t, "S.anew", 0, 3)
	l.stored(t, "anew", 2)
	if _, err := l.adm.DeleteTopic(t.Context(), "anew"); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		resp, err := l.adm.CreateTopic(ctx, 1, 1, nil, "anew")
		if err == nil {
			err = resp.Err
		}
		return err
	})
	l.send(t, "anew", 0, "a", "b", "c", "d", "e")
	l.says(t, "anew", "1 of 1 partition waits: anew-0: the topic was deleted in the source cluster and made anew")
	l.put(t, "anew", conf, "source.topic.recreated", "restart")
	l.says(t, "anew", "it is copied from its beginning")
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		var got []string
		for _, r := range readAll(t, l.bootstrap, "S.anew") {
			got = append(got, string(r.Value))
		}
		if all := strings.Join(got, ""); !strings.HasPrefix(all, "123") || !strings.HasSuffix(all, "abcde") {
			return fmt.Errorf("the copy holds %q", all)
		}
		return ctx.Err()
	})
}

// stored waits until the stored offset of a mirror with one partition is at least n.
func (l *lifeTest) stored(t *testing.T, name string, n int64) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		var o struct {
			Offsets []struct{ Offset struct{ Offset int64 } }
		}
		if err := l.get(ctx, "/connectors/"+name+"/offsets", &o); err != nil {
			return err
		}
		if len(o.Offsets) != 1 || o.Offsets[0].Offset.Offset < n {
			return fmt.Errorf("stored: %+v", o)
		}
		return nil
	})
}

func (l *lifeTest) tooLarge(t *testing.T) {
	createTopic(t, l.bootstrap, "large", 2, nil)
	small := "5000"
	createTopic(t, l.bootstrap, "S.large", 2, map[string]*string{"max.message.bytes": &small})
	big := make([]byte, 20_000)
	_, _ = rand.Read(big)
	l.send(t, "large", 0, "1", string(big), "3")
	l.mirror(t, "large", "large", "sync.topic.configs.enabled", "false")
	l.says(t, "large", "1 of 2 partitions waits: large-0: the record at offset 1 can't be written to S.large: it has 20072 bytes in a batch of its own")
	l.send(t, "large", 1, "a", "b")
	l.count(t, "S.large", 1, 2)
	if got := l.holds(t, "S.large"); strings.Contains(got, string(big)) {
		t.Error("the record was copied although it is too large")
	}
	enough := "50000"
	if _, err := l.adm.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "max.message.bytes", Value: &enough}}, "S.large"); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 3*time.Minute, func(context.Context) error {
		// The others of the first batch may have been copied before.
		if got := l.holds(t, "S.large"); !strings.HasPrefix(got, "1") || !strings.HasSuffix(got, string(big)+"3") {
			return fmt.Errorf("the copy holds %d bytes", len(got))
		}
		return nil
	})
	l.says(t, "large", "")
}

// holds gives the values of a copy's first partition.
func (l *lifeTest) holds(t *testing.T, topic string) string {
	t.Helper()
	var b strings.Builder
	for _, r := range readAll(t, l.bootstrap, topic) {
		if r.Partition == 0 {
			b.Write(r.Value)
		}
	}
	return b.String()
}

func (l *lifeTest) throttled(t *testing.T) {
	const records, size = 10_000, 1000
	createTopic(t, l.bootstrap, "slow", 2, nil)
	value := strings.Repeat("x", size)
	values := make([]string, records/2)
	for i := range values {
		values[i] = value
	}
	conf := l.mirror(t, "slow", "slow", "throttle.bytes.per.second", "10", "producer.override.linger.ms", "0")
	l.send(t, "slow", 0, values...)
	l.send(t, "slow", 1, values...)
	slow := func(ctx context.Context) error {
		var p struct {
			Partitions []struct{ State string }
		}
		if err := l.get(ctx, "/connectors/slow/progress", &p); err != nil {
			return err
		}
		if len(p.Partitions) != 2 || p.Partitions[0].State != "throttled" {
			return fmt.Errorf("progress: %+v", p)
		}
		n, err := ends(ctx, l.cl, "S.slow")
		if err == nil && n > records/2 {
			t.Fatalf("%d of %d records were copied at 10 bytes a second", n, records)
		}
		if n == 0 {
			err = fmt.Errorf("nothing was copied yet (%w)", err)
		}
		return err
	}
	testkit.Eventually(t, time.Minute, slow)
	before := l.statuses(t, "slow")
	l.put(t, "slow", conf, "throttle.bytes.per.second", "-1", "throttle.topic.bytes.per.second", "slow=10")
	testkit.Eventually(t, time.Minute, slow)
	l.put(t, "slow", conf, "throttle.bytes.per.second", "-1")
	l.count(t, "S.slow", 0, records/2)
	l.count(t, "S.slow", 1, records/2)
	if after := l.statuses(t, "slow"); after != before {
		t.Errorf("the task has %d statuses, %d before its limits were changed: it was restarted", after, before)
	}
}

// statuses counts what was written of a mirror's first task.
func (l *lifeTest) statuses(t *testing.T, name string) (n int) {
	for _, r := range readAll(t, l.bootstrap, "life-status") {
		if string(r.Key) == "status-task-"+name+"-0" {
			n++
		}
	}
	return n
}
