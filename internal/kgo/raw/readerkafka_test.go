package raw

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

// onBrokers is the cluster that tests of the reader share.
type onBrokers struct {
	*testkit.Cluster
	adm *kadm.Client
	cl  *kgo.Client
}

// topic makes a topic whose partitions are led and followed by the brokers in that order.
func (k *onBrokers) topic(t *testing.T, name string, partitions int, replicas int16) {
	t.Helper()
	resp, err := k.adm.CreateTopic(within(t, time.Minute), int32(partitions), replicas, nil, name)
	if err == nil {
		err = resp.Err
	}
	if err != nil {
		t.Fatal(err)
	}
}

// write writes records, tried again while a topic is new.
func (k *onBrokers) write(t *testing.T, topic string, partition int32, values ...string) {
	t.Helper()
	for _, v := range values {
		if err := k.cl.ProduceSync(within(t, 2*time.Minute), &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func (k *onBrokers) leader(t *testing.T, topic string) int32 {
	t.Helper()
	var leader int32
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		md, err := k.adm.Metadata(ctx, topic)
		if err != nil {
			return err
		}
		if leader = md.Topics[topic].Partitions[0].Leader; leader < 0 {
			return fmt.Errorf("%s has no leader", topic)
		}
		return nil
	})
	return leader
}

func TestReaderOnBrokers(t *testing.T) {
	testkit.NoLeaks(t)
	cluster := testkit.StartCluster(
		t, 2, testkit.Racks(), testkit.Property("replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector"),
		testkit.Property("auto.create.topics.enable", "false"), testkit.Property("replica.fetch.wait.max.ms", "100"),
		testkit.Listener("SAFE", "SASL_PLAINTEXT"), testkit.Property("listener.name.safe.sasl.enabled.mechanisms", "PLAIN"),
		testkit.Property("listener.name.safe.plain.connections.max.reauth.ms", "1500"),
		testkit.Property("listener.name.safe.plain.sasl.jaas.config", `org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="wonder";`))
	k := &onBrokers{Cluster: cluster, adm: kadmin(t, cluster.Bootstrap())}
	var err error
	k.cl, err = kgo.NewClient(kgo.SeedBrokers(strings.Split(cluster.Bootstrap(), ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.DisableClientMetrics(), kgo.MetadataMinAge(100*time.Millisecond), kgo.UnknownTopicRetries(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.cl.Close)
	t.Run("committed", k.committed)
	t.Run("nearby", k.nearby)
	t.Run("quota", k.quota)
	t.Run("authenticated again", k.authenticatedAgain)
	t.Run("many partitions", k.manyPartitions)
	t.Run("a broker dies and comes back", k.death)
	t.Run("truncated", k.truncated) // the last: a broker is missing
}

func (k *onBrokers) committed(t *testing.T) {
	k.topic(t, "committed", 1, 1)
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(k.Bootstrap(), ",")...), kgo.TransactionalID("x"), kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.UnknownTopicRetries(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx := within(t, time.Minute)
	transaction := func(end kgo.TransactionEndTry) {
		t.Helper()
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "committed", Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := cl.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	k.write(t, "committed", 0, "before") // also waits for the topic
	transaction(kgo.TryAbort)
	transaction(kgo.TryCommit)
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "committed", Value: []byte("open")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	r := reader(t, k.Bootstrap(), ReaderOptions{}, map[string]string{"isolation.level": "read_committed"})
	tp := connect.TopicPartition{Topic: "committed"}
	if err := r.Assign(map[connect.TopicPartition]int64{tp: client.Earliest}); err != nil {
		t.Fatal(err)
	}
	var aborted []client.AbortedTxn
	var got []int64
	for len(got) < 5 { // one record, and two transactions of a record and a marker each
		batches, err := r.Poll(ctx, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			got = append(got, offsetsOf(b)...)
			aborted = append(aborted, b.Aborted...)
			b.Hold.Release()
		}
	}
	if !slices.Equal(got, upTo(5)) || len(aborted) != 1 || aborted[0].FirstOffset != 1 {
		t.Errorf("got %v, aborted %v", got, aborted)
	}
	for committed, want := range map[bool]int64{true: 5, false: 6} {
		ends, err := r.ListOffsets(ctx, map[connect.TopicPartition]int64{tp: client.Latest}, committed)
		if err != nil || ends[tp] != want {
			t.Errorf("the end, committed %v: %v %v", committed, ends, err)
		}
	}
	if err := cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if more := collect(t, r, 2); !slices.Equal(more[tp], []int64{5, 6}) {
		t.Errorf("then %v", more)
	}
}

func (k *onBrokers) nearby(t *testing.T) {
	k.topic(t, "nearby", 1, 2)
	k.write(t, "nearby", 0, values(3)...)
	follower := 3 - k.leader(t, "nearby")
	r := reader(t, k.Bootstrap(), ReaderOptions{}, map[string]string{"client.rack": fmt.Sprintf("rack-%d", follower)})
	tp := connect.TopicPartition{Topic: "nearby"}
	if err := r.Assign(map[connect.TopicPartition]int64{tp: 0}); err != nil {
		t.Fatal(err)
	}
	got := collect(t, r, 3)[tp]
	for len(got) < 6 {
		k.write(t, "nearby", 0, "more")
		got = append(got, collect(t, r, 1)[tp]...)
	}
	if !slices.Equal(got, upTo(6)) {
		t.Errorf("got %v", got)
	}
	testkit.Eventually(t, time.Minute, func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if src := r.find(tp).src; src == nil || src.id != follower {
			return fmt.Errorf("it is read from %+v, not from broker %d", src, follower)
		}
		return nil
	})
}

func (k *onBrokers) quota(t *testing.T) {
	k.topic(t, "quota", 1, 1)
	k.write(t, "quota", 0, slices.Repeat([]string{strings.Repeat("x", 12_000)}, 10)...) // what is above 100 kB in ten seconds is too much
	name, entity := "client-id", "held back"
	_, err := k.adm.AlterClientQuotas(within(t, time.Minute), []kadm.AlterClientQuotaEntry{{
		Entity: kadm.ClientQuotaEntity{{Type: name, Name: &entity}},
		Ops:    []kadm.AlterClientQuotaOp{{Key: "consumer_byte_rate", Value: 10_000}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := reader(t, k.Bootstrap(), ReaderOptions{}, map[string]string{"client.id": entity, "max.partition.fetch.bytes": "60000"})
	tp := connect.TopicPartition{Topic: "quota"}
	testkit.Eventually(t, time.Minute, func(context.Context) error { // the quota may not be known to the broker yet
		if err := r.Assign(nil); err != nil {
			return err
		}
		if err := r.Assign(map[connect.TopicPartition]int64{tp: 0}); err != nil {
			return err
		}
		if got := collect(t, r, 10)[tp]; !slices.Equal(got, upTo(10)) {
			t.Fatalf("got %v", got)
		}
		if r.Throttled() == 0 {
			return fmt.Errorf("nobody was held back")
		}
		return nil
	})
}

func (k *onBrokers) authenticatedAgain(t *testing.T) {
	k.topic(t, "safe", 1, 1)
	k.write(t, "safe", 0, "first")
	servers := []string{k.Brokers[0].Listener("SAFE"), k.Brokers[1].Listener("SAFE")}
	props := map[string]string{
		"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
		"sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="wonder";`,
	}
	r := reader(t, strings.Join(servers, ","), ReaderOptions{}, props)
	tp := connect.TopicPartition{Topic: "safe"}
	if err := r.Assign(map[connect.TopicPartition]int64{tp: 0}); err != nil {
		t.Fatal(err)
	}
	collect(t, r, 1)
	conn, err := r.cl.Conn(within(t, time.Minute), k.leader(t, "safe"), ForFetch)
	if err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); time.Since(begun) < 3200*time.Millisecond; { // more than two sessions
		k.write(t, "safe", 0, "more")
		collect(t, r, 1)
	}
	if err := conn.Err(); err != nil {
		t.Errorf("the connection did not outlive its session: %v", err)
	}
	props["sasl.jaas.config"] = strings.Replace(props["sasl.jaas.config"], "wonder", "wander", 1)
	r = reader(t, strings.Join(servers, ","), ReaderOptions{}, props)
	if err := r.Assign(map[connect.TopicPartition]int64{tp: 0}); err != nil {
		t.Fatal(err)
	}
	if err := failing(t, r); !strings.Contains(err.Error(), "authentication failed") || strings.Contains(err.Error(), "wander") {
		t.Errorf("with another password: %v", err)
	}
}

func (k *onBrokers) manyPartitions(t *testing.T) {
	const n = 100
	k.topic(t, "many", n, 1)
	var recs []*kgo.Record
	for p := range int32(n) {
		recs = append(recs, &kgo.Record{Topic: "many", Partition: p, Value: []byte("v")})
	}
	if err := k.cl.ProduceSync(within(t, time.Minute), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	r := reader(t, k.Bootstrap(), ReaderOptions{}, nil)
	readMany(t, r, n, func(p int32) { k.write(t, "many", p, "more") })
}

func (k *onBrokers) death(t *testing.T) {
	k.topic(t, "death", 4, 2)
	start := map[connect.TopicPartition]int64{}
	for p := range int32(4) {
		start[connect.TopicPartition{Topic: "death", Partition: p}] = 0
	}
	r := reader(t, k.Bootstrap(), ReaderOptions{}, nil)
	if err := r.Assign(start); err != nil {
		t.Fatal(err)
	}
	written := 0
	all := func() {
		t.Helper()
		for tp := range start {
			k.write(t, tp.Topic, tp.Partition, "v")
		}
		for tp, offsets := range collect(t, r, 4) {
			if !slices.Equal(offsets, []int64{int64(written)}) {
				t.Errorf("%v: %v, and %d were read before", tp, offsets, written)
			}
		}
		written++
	}
	all()
	k.Brokers[0].Kill()
	all()
	k.Brokers[0].Restart()
	testkit.Eventually(t, 2*time.Minute, inSync(k.adm, "death"))
	if _, err := k.adm.ElectLeaders(within(t, time.Minute), kadm.ElectPreferredReplica, nil); err != nil {
		t.Fatal(err)
	}
	all()
}

// truncated has a replica lead that missed the last records (an unclean leader election), and write others in their place.
func (k *onBrokers) truncated(t *testing.T) {
	unclean, one := "true", "1"
	resp, err := k.adm.CreateTopic(within(t, time.Minute), 1, 2, map[string]*string{"unclean.leader.election.enable": &unclean, "min.insync.replicas": &one}, "lossy")
	if err == nil {
		err = resp.Err
	}
	if err != nil {
		t.Fatal(err)
	}
	tp := connect.TopicPartition{Topic: "lossy"}
	k.write(t, tp.Topic, 0, "v0", "v1")
	testkit.Eventually(t, 2*time.Minute, inSync(k.adm, tp.Topic))
	leads, follows := k.Brokers[0], k.Brokers[1]
	if k.leader(t, tp.Topic) != 1 {
		leads, follows = follows, leads
	}
	follows.Stop()
	k.write(t, tp.Topic, 0, "v2", "v3")
	r := reader(t, k.Bootstrap(), ReaderOptions{}, nil)
	if err := r.Assign(map[connect.TopicPartition]int64{tp: 0}); err != nil {
		t.Fatal(err)
	}
	collect(t, r, 4)
	r.mu.Lock()
	epoch := r.find(tp).epoch
	r.mu.Unlock()
	end := func(want int64) {
		t.Helper()
		testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
			got, err := r.EpochEnds(ctx, map[connect.TopicPartition]int32{tp: epoch})
			if at, answered := got[tp]; !answered || at != want {
				return fmt.Errorf("epoch %d ends at %v, not at %d: %w", epoch, got, want, err)
			}
			return nil
		})
	}
	end(4)
	leads.Stop()
	follows.Restart()
	k.write(t, tp.Topic, 0, "n2", "n3", "n4")
	end(2)
}
