package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/connectors/mirror/offsetsync"
	"github.com/connectd/connectd/internal/testkit"
)

// What an operator would set to a few minutes.
const (
	rollingDelay   = 3 * time.Second // scheduled.rebalance.max.delay.ms
	rollingSession = 6 * time.Second // session.timeout.ms
)

// TestRollingMigration replaces the Java workers of a group by connectd and connectd by Java, one worker at a time, each at the
// address of the one before it, while MirrorSource copies a stream.
func TestRollingMigration(t *testing.T) {
	t.Parallel()
	const partitions, tasks, rate = 8, 4, 1000
	source, target := testkit.StartBroker(t), testkit.StartBroker(t)
	createTopic(t, source.Bootstrap, "in", partitions, nil)
	props := map[string]string{"scheduled.rebalance.max.delay.ms": strconv.FormatInt(rollingDelay.Milliseconds(), 10)}
	java := startJavaPair(t, target.Bootstrap, "rolling", props)

	var group roster
	for i, j := range java {
		group.set(i, javaNode(j))
	}
	conf := mirrorConfig(source.Bootstrap, target.Bootstrap, "in", tasks)
	for _, k := range []string{"key.converter", "value.converter", "header.converter"} {
		conf[k] = "org.apache.kafka.connect.converters.ByteArrayConverter"
	}
	create(t, java[0].URL, "m", conf)
	create(t, java[0].URL, "checkpoints", checkpointConfig(source.Bootstrap, target.Bootstrap, "followers"))
	awaitSpread(t, &group, "m", tasks, 1)
	f := startFlow(t, source.Bootstrap, target.Bootstrap, newStream("in", partitions), "S.in", rate)
	watch := watchTasks(t, &group, "m", tasks)

	admin, at := kadm.NewClient(kafkaClient(t, source.Bootstrap)), int64(0)
	replace := func(place int, by string, start func() *node) {
		t.Helper()
		at += 500
		commitAs(t, admin, "followers", "in", 0, at)
		old := group.nodes[place]
		old.Stop()
		group.set(place, start())
		awaitSpread(t, &group, "m", tasks, 1)
		sameAnswers(t, group.nodes[0].url, group.nodes[1].url, "/connectors", "/connectors/m", "/connectors/m/tasks")
		longest, _ := watch.longestIdle()
		duplicates, _ := f.copied.counts()
		t.Logf("worker %d is %s now: %d records copied, %d of them again, longest time without a task %v",
			place, by, f.copied.total(), duplicates, longest.Round(time.Millisecond))
	}
	for i, j := range java {
		replace(i, "connectd", func() *node { return startNodeAt(t, target.Bootstrap, "rolling", portOf(t, j.URL), props) })
	}
	checkpointsKeepUp(t, target.Bootstrap, "followers", at)
	for i, j := range java {
		replace(i, "Java", func() *node { j.Restart(); return javaNode(j) })
	}
	f.stop(t)
	watch.stop()

	f.copied.inOrder(t)
	checkpointsKeepUp(t, target.Bootstrap, "followers", 0) // a Java task can't translate what lies before its start
	// Statuses tell of a task that has just stopped as RUNNING until somebody else starts it; the copy tells the truth.
	limit := rollingDelay + rollingSession + time.Minute // much more than needed, for machines that are busy
	if longest, task := watch.longestIdle(); longest > limit {
		t.Errorf("task %d ran nowhere for %v", task, longest)
	}
	if p := f.copied.longestPause(); p.length > limit {
		t.Errorf("nothing new was copied for %v", p)
	}
	if failed := watch.failures(); len(failed) > 0 {
		t.Errorf("tasks failed: %v", failed)
	}
	if back := setbacks(offsetHistory(t, target.Bootstrap, "rolling-offsets")); len(back) > 0 {
		t.Errorf("stored positions went back: %v", back)
	}
	// Workers that stop in good order store their last positions. On a machine too busy for the graceful timeout they may not.
	duplicates, rewinds := f.copied.counts()
	t.Logf("%d records, %d came again in %d runs; longest pause of a partition %v",
		f.copied.total(), duplicates, rewinds, f.copied.longestPause())
	if uint64(duplicates) > f.copied.total()/10 {
		t.Errorf("%d of %d records came again", duplicates, f.copied.total())
	}
}

// checkpointConfig is a MirrorCheckpoint for one group of the link that mirrorConfig describes.
func checkpointConfig(source, target, group string) map[string]string {
	return map[string]string{
		"connector.class": "MirrorCheckpoint", "tasks.max": "1", "source.cluster.alias": "S", "target.cluster.alias": "T", "groups": group,
		"source.cluster.bootstrap.servers": source, "target.cluster.bootstrap.servers": target, "checkpoints.topic.replication.factor": "1",
		"refresh.groups.interval.seconds": "1", "emit.checkpoints.interval.seconds": "1", "sync.group.offsets.enabled": "true",
		"sync.group.offsets.interval.seconds": "1", "key.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
		"value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
	}
}

// checkpointsKeepUp waits for the checkpoint of a group's position in partition 0 of S.in, whose records are numbered like their
// offsets at the source, and wants none, by whatever worker, to lie behind a record that the group has not read.
func checkpointsKeepUp(t *testing.T, bootstrap, group string, position int64) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		recs, err := readTopic(ctx, t, bootstrap, "S.checkpoints.internal", false)
		if err != nil {
			return err
		}
		copied, err := readTopic(ctx, t, bootstrap, "S.in", false)
		if err != nil {
			return err
		}
		newest := int64(-1)
		for _, r := range recs {
			c, err := offsetsync.DecodeCheckpoint(r.Key, r.Value)
			if err != nil {
				t.Fatal(err)
			}
			if c.Partition != 0 {
				continue
			}
			newest = c.Upstream
			missed := slices.IndexFunc(copied, func(r *kgo.Record) bool {
				return r.Partition == 0 && r.Offset < c.Downstream && int64(binary.BigEndian.Uint64(r.Value[92:])) >= c.Upstream
			})
			// What lies before may be a copy of what lies behind as well.
			if missed >= 0 && !slices.ContainsFunc(copied, func(r *kgo.Record) bool {
				return r.Partition == 0 && r.Offset >= c.Downstream && int64(binary.BigEndian.Uint64(r.Value[92:])) == c.Upstream
			}) {
				t.Fatalf("%+v passes over record %x", c, copied[missed].Value[92:])
			}
		}
		if newest < position {
			return fmt.Errorf("the newest of %d checkpoints of group %s is of position %d instead of %d", len(recs), group, newest, position)
		}
		return nil
	})
}

// startJavaPair starts two Java workers at once, with the properties of connectd's in these tests.
func startJavaPair(t *testing.T, bootstrap, group string, more map[string]string) []*testkit.JavaWorker {
	t.Helper()
	pair := make([]*testkit.JavaWorker, 2)
	var wait sync.WaitGroup
	for i := range pair {
		wait.Go(func() { pair[i] = testkit.StartJavaWorker(t, bootstrap, group, javaOptions(bootstrap, group, more)...) })
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return pair
}

// javaOptions gives a Java worker what workerProps gives to connectd, its address apart.
func javaOptions(bootstrap, group string, more map[string]string) []testkit.Option {
	props := workerProps(bootstrap, group, 0, more)
	for _, own := range []string{"listeners", "rest.advertised.port"} {
		delete(props, own)
	}
	var out []testkit.Option
	for k, v := range props {
		out = append(out, testkit.Property(k, v))
	}
	return out
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
