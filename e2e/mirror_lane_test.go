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
	wantLanes(t, n)
}

// decodedTopics are those with batches that can't be copied as they are.
var decodedTopics = map[string]bool{"compacted": true, "append-time": true, "small-target": true}

// wantLanes wants each link to tell which way its records went: only what had to be was decoded.
func wantLanes(t *testing.T, n *node) {
	t.Helper()
	type told struct {
		Partitions []struct {
			Topic, Lane string
			Reason      string `json:"lane_reason"`
			Batches     int64
			Decoded     int64 `json:"decoded_batches"`
		}
	}
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		var whole, single told
		if err := errors.Join(n.get(ctx, "/connectors/whole/progress", &whole), n.get(ctx, "/connectors/single/progress", &single)); err != nil {
			return err
		}
		if len(whole.Partitions) == 0 || len(whole.Partitions) != len(single.Partitions) {
			return fmt.Errorf("%d and %d partitions", len(whole.Partitions), len(single.Partitions))
		}
		for _, p := range single.Partitions {
			if p.Lane != "record" || p.Reason == "" || p.Batches+p.Decoded > 0 {
				return fmt.Errorf("a link with a transformation: %+v", p)
			}
		}
		for _, p := range whole.Partitions {
			// The codec of a topic that was not asked for its settings yet is left to its broker.
			decoded := decodedTopics[p.Topic] || p.Topic == "zstd-target" && p.Decoded > 0
			if p.Lane != "batch" || decoded != (p.Decoded > 0) || (p.Reason != "") != (p.Decoded > 0) || p.Batches+p.Decoded == 0 {
				return fmt.Errorf("a link without transformations: %+v", p)
			}
		}
		return nil
	})
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
		if alias == "whole" && !decodedTopics[topic] && topic != "zstd-target" {
			if diff := cmp.Diff(codecsOf(want), codecsOf(got)); diff != "" {
				t.Errorf("codecs of the batches of %s (-source +whole):\n%s", topic, diff)
			}
		}
		for _, r := range got {
			offsets[alias] = append(offsets[alias], fmt.Sprint(r.Partition, "@", r.Offset))
		}
	}
	if diff := cmp.Diff(offsets["single"], offsets["whole"]); diff != "" {
		t.Errorf("offsets of %s (-copied singly +whole):\n%s", topic, diff)
	}
}

// codecsOf tells how the batch of each record is compressed.
func codecsOf(recs []*kgo.Record) []uint8 {
	out := make([]uint8, len(recs))
	for i, r := range recs {
		out[i] = r.Attrs.CompressionType()
	}
	return out
}
