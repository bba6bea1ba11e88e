package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/testkit"
)

// lanes are links that copy the same, by the aliases of their source.
var lanes = map[string]map[string]string{
	"whole": nil, // as it comes: batches go as they are where they can
	// A transformation that no record ever meets has each record looked at.
	"single": {
		"transforms": "none", "transforms.none.type": "org.apache.kafka.connect.transforms.Filter", "transforms.none.predicate": "never",
		"predicates": "never", "predicates.never.type": "org.apache.kafka.connect.transforms.predicates.HasHeaderKey", "predicates.never.name": "no such header",
	},
}

// laneTargets are settings of copies that differ from the source's.
var laneTargets = map[string]map[string]string{
	"small-target": {"max.message.bytes": "100000"},
	"zstd-target":  {"compression.type": "zstd"},
}

// TestMirrorLanes has batches of Java's, librdkafka's and franz-go's producers, in every codec, in transactions some of which are
// aborted, compacted, with timestamps of the broker's, and for topics that take no such batches, copied whole and record by
// record: a consumer of either copy sees what one of the source sees, in the same order.
func TestMirrorLanes(t *testing.T) {
	t.Parallel()
	options := []testkit.Option{testkit.Property("log.cleaner.backoff.ms", "200"), testkit.Property("log.retention.ms", "-1")} // the records are old
	var source, target *testkit.Broker
	var up sync.WaitGroup
	for _, b := range []**testkit.Broker{&source, &target} {
		up.Go(func() { *b = testkit.StartBroker(t, options...) })
	}
	up.Wait()
	if t.Failed() {
		return
	}
	fillLaneSource(t, source.Bootstrap)
	n := startNode(t, target.Bootstrap, "lanes", nil)
	for alias, more := range lanes {
		for topic, settings := range laneTargets {
			createTopic(t, target.Bootstrap, alias+"."+topic, laneTopics[topic], pointers(settings))
		}
		create(t, n.url, alias, laneConfig(alias, source.Bootstrap, target.Bootstrap, more))
	}
	for topic := range laneTopics {
		compareLanes(t, source.Bootstrap, target.Bootstrap, topic)
	}
}

func laneConfig(alias, source, target string, more map[string]string) map[string]string {
	conf := map[string]string{
		"connector.class": "MirrorSource", "tasks.max": "2", "topics": ".*", "topics.exclude": `mm2.*,.*\.internal,__.*`,
		"source.cluster.alias": alias, "target.cluster.alias": "T", "source.cluster.bootstrap.servers": source,
		"target.cluster.bootstrap.servers": target, "replication.factor": "1", "offset-syncs.topic.replication.factor": "1",
		"sync.topic.acls.enabled": "false", "source.consumer.isolation.level": "read_committed",
	}
	for _, k := range []string{"key", "value", "header"} {
		conf[k+".converter"] = "org.apache.kafka.connect.converters.ByteArrayConverter"
	}
	maps.Copy(conf, more)
	return conf
}

// compareLanes waits until the copies of a topic are complete, and wants them to hold the source's records at the same offsets.
func compareLanes(t *testing.T, source, target, topic string) {
	t.Helper()
	want := mustRead(t, source, topic)
	if len(want) == 0 {
		t.Fatalf("topic %s of the source is empty", topic)
	}
	offsets := map[string][]string{}
	for _, alias := range slices.Sorted(maps.Keys(lanes)) {
		var got []*kgo.Record
		testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) (err error) {
			got, err = readTopic(ctx, t, target, alias+"."+topic, true)
			if err == nil && len(got) < len(want) {
				err = errors.New("too few records")
			}
			if err != nil {
				err = fmt.Errorf("%d of %d records of %s: %w", len(got), len(want), topic, err)
			}
			return err
		})
		if diff := cmp.Diff(content(want), content(got)); diff != "" {
			t.Errorf("%s, copied by %q (-source +copy):\n%s", topic, alias, diff)
		}
		for _, r := range got {
			offsets[alias] = append(offsets[alias], fmt.Sprint(r.Partition, "@", r.Offset))
		}
	}
	if diff := cmp.Diff(offsets["single"], offsets["whole"]); diff != "" {
		t.Errorf("offsets of %s (-copied singly +whole):\n%s", topic, diff)
	}
}
