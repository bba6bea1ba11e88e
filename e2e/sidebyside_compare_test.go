package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connectors/mirror/offsetsync"
	"github.com/connectd/connectd/internal/testkit"
)

// compareMirrors waits until two copies of one cluster are complete and the same.
func compareMirrors(t *testing.T, source, ours, theirs string) {
	t.Helper()
	same := func(what string, look func(ctx context.Context, bootstrap string) (any, error)) {
		t.Helper()
		testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
			got, err := look(ctx, ours)
			if err != nil {
				return err
			}
			want, err := look(ctx, theirs)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(want, got); diff != "" {
				return fmt.Errorf("%s (-Java +connectd):\n%s", what, diff)
			}
			return nil
		})
	}
	same("topics", func(ctx context.Context, bootstrap string) (any, error) { return copiedTopics(ctx, t, bootstrap) })
	same("settings", func(ctx context.Context, bootstrap string) (any, error) { return ownSettings(ctx, t, bootstrap) })
	same("ACLs", func(ctx context.Context, bootstrap string) (any, error) { return listedACLs(ctx, t, bootstrap) })
	var topics map[string]int
	testkit.Eventually(t, time.Minute, func(ctx context.Context) (err error) {
		topics, err = copiedTopics(ctx, t, source)
		return err
	})
	total := 0
	for topic := range topics {
		want := mustRead(t, source, topic)
		total += len(want)
		testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
			for _, bootstrap := range []string{ours, theirs} {
				got, err := readTopic(ctx, t, bootstrap, "S."+topic, true)
				if err != nil || len(got) < len(want) {
					return errors.Join(err, fmt.Errorf("%d of %d records of %s", len(got), len(want), topic))
				}
			}
			return nil
		})
		same("records of "+topic, func(ctx context.Context, bootstrap string) (any, error) {
			return printed(ctx, t, bootstrap, "S."+topic, true)
		})
		if diff := cmp.Diff(content(want), content(mustRead(t, ours, "S."+topic))); diff != "" {
			t.Errorf("records of %s (-source +copy):\n%s", topic, diff)
		}
	}
	same("last offset syncs", func(ctx context.Context, bootstrap string) (any, error) {
		return lastByKey(ctx, t, bootstrap, "mm2-offset-syncs.S.internal", func(k, v []byte) (string, error) {
			s, err := offsetsync.DecodeSync(k, v)
			return fmt.Sprintf("%+v %x", s, v), err
		})
	})
	compareCheckpoints(t, source, ours, theirs)
	same("heartbeats", func(ctx context.Context, bootstrap string) (any, error) {
		return lastByKey(ctx, t, bootstrap, "heartbeats", func(k, v []byte) (string, error) {
			h, err := offsetsync.DecodeHeartbeat(k, v)
			if err == nil && time.Since(time.UnixMilli(h.TimestampMs)).Abs() > 10*time.Minute {
				err = fmt.Errorf("the time of a heartbeat is %d", h.TimestampMs)
			}
			return fmt.Sprintf("%s->%s %d bytes from %x", h.Source, h.Target, len(v), v[:2]), err
		})
	})
	t.Logf("%d topics, %d records are the same", len(topics), total)
}

// compareCheckpoints wants ours to hold what Java's hold, and to be exact where Java's may lie before.
func compareCheckpoints(t *testing.T, source, ours, theirs string) {
	t.Helper()
	want := map[string]int64{}
	for group, p := range groupsSideBySide {
		for _, r := range mustRead(t, source, p.topic) {
			if r.Partition == p.partition && r.Offset < p.at {
				want[group]++
			}
		}
		want[group] += 0 // also those that have read nothing
	}
	read := func(ctx context.Context, bootstrap string) (map[string]offsetsync.Checkpoint, error) {
		out := map[string]offsetsync.Checkpoint{}
		_, err := lastByKey(ctx, t, bootstrap, "S.checkpoints.internal", func(k, v []byte) (string, error) {
			c, err := offsetsync.DecodeCheckpoint(k, v)
			out[string(k)] = c
			return "", err
		})
		return out, err
	}
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		got, err := read(ctx, ours)
		if err != nil {
			return err
		}
		java, err := read(ctx, theirs)
		if err != nil {
			return err
		}
		if len(java) == 0 {
			return errors.New("no checkpoints of Java's yet")
		}
		for k, j := range java {
			c, ok := got[k]
			if !ok || c.Topic != j.Topic || c.Upstream != j.Upstream || c.Metadata != j.Metadata || c.Downstream < j.Downstream {
				return fmt.Errorf("checkpoint of Java's %+v, here %+v", j, c)
			}
		}
		seen := map[string]int64{}
		for _, c := range got {
			seen[c.Group] = c.Downstream
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			return fmt.Errorf("checkpoints (-exact +connectd):\n%s", diff)
		}
		committed := map[string]int64{}
		for group := range want {
			resp, err := kadm.NewClient(kafkaClient(t, ours)).FetchOffsets(ctx, group)
			if err != nil {
				return err
			}
			resp.Each(func(r kadm.OffsetResponse) { committed[group] = r.At })
		}
		if diff := cmp.Diff(want, committed); diff != "" {
			return fmt.Errorf("offsets of groups on the target (-exact +connectd):\n%s", diff)
		}
		for _, j := range java {
			if short := want[j.Group] - j.Downstream; short > 0 {
				t.Logf("group %s goes on %d records before its position in Java's copy, at it in this one", j.Group, short)
			}
		}
		return nil
	})
}

// copiedTopics gives the numbers of partitions of copied topics; asked of the source, those of topics to be copied.
func copiedTopics(ctx context.Context, t *testing.T, bootstrap string) (map[string]int, error) {
	details, err := kadm.NewClient(kafkaClient(t, bootstrap)).ListTopics(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	target := false
	for name := range details {
		target = target || isData(name)
	}
	for name, d := range details {
		if target && isData(name) || !target && !strings.HasPrefix(name, "excluded") && !strings.HasSuffix(name, ".internal") && name != "heartbeats" {
			out[name] = len(d.Partitions)
		}
	}
	if len(out) < 10 {
		return nil, fmt.Errorf("only the topics %v", out)
	}
	return out, nil
}

// ownSettings gives the settings that copied topics have of their own.
func ownSettings(ctx context.Context, t *testing.T, bootstrap string) (map[string]string, error) {
	topics, err := copiedTopics(ctx, t, bootstrap)
	if err != nil {
		return nil, err
	}
	configs, err := kadm.NewClient(kafkaClient(t, bootstrap)).DescribeTopicConfigs(ctx, slices.Collect(maps.Keys(topics))...)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, c := range configs {
		for _, e := range c.Configs {
			if e.Source == kmsg.ConfigSourceDynamicTopicConfig {
				out[c.Name+" "+e.Key] = e.MaybeValue()
			}
		}
	}
	if out["S.settings retention.ms"] != "-1" {
		return nil, fmt.Errorf("only the settings %v", out)
	}
	return out, nil
}

func listedACLs(ctx context.Context, t *testing.T, bootstrap string) ([]string, error) {
	results, err := kadm.NewClient(kafkaClient(t, bootstrap)).DescribeACLs(ctx, kadm.NewACLs().AnyResource().Allow().AllowHosts().Deny().DenyHosts().
		Operations(kmsg.ACLOperationAny).ResourcePatternType(kmsg.ACLResourcePatternTypeAny))
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, r := range results {
		for _, d := range r.Described {
			seen[fmt.Sprintf("%v %s %v %s %s %v %v", d.Type, d.Name, d.Pattern, d.Principal, d.Host, d.Operation, d.Permission)] = true
		}
	}
	if len(seen) == 0 {
		return nil, errors.New("no ACLs yet")
	}
	return slices.Sorted(maps.Keys(seen)), nil
}

// readTopic reads what is in a topic now, partition by partition; of transactions only what was committed, if asked so.
func readTopic(ctx context.Context, t *testing.T, bootstrap, topic string, committed bool) ([]*kgo.Record, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // and then once more, with another client
	defer cancel()
	level := kgo.ReadUncommitted()
	if committed {
		level = kgo.ReadCommitted()
	}
	// Markers are kept to know when the end is reached.
	cl := kafkaClient(t, bootstrap, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(level),
		kgo.KeepControlRecords(), kgo.FetchMaxPartitionBytes(16<<20))
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, err
	}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	var out []*kgo.Record
	var broken []error
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		for _, e := range fetches.Errors() {
			broken = append(broken, fmt.Errorf("%s-%d: %w", e.Topic, e.Partition, e.Err))
		}
		if err := fetches.Err0(); err != nil {
			err = errors.Join(append(broken, err)...)
			return nil, fmt.Errorf("reading %s: %d records are here, of partitions and their ends %v are left: %w", topic, len(out), left, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				out = append(out, r)
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	slices.SortStableFunc(out, func(a, b *kgo.Record) int { return int(a.Partition - b.Partition) })
	return out, nil
}

func mustRead(t *testing.T, bootstrap, topic string) (recs []*kgo.Record) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(ctx context.Context) (err error) {
		recs, err = readTopic(ctx, t, bootstrap, topic, true)
		return err
	})
	return recs
}

// printed shows the records of a topic with their offsets.
func printed(ctx context.Context, t *testing.T, bootstrap, topic string, committed bool) ([]string, error) {
	recs, err := readTopic(ctx, t, bootstrap, topic, committed)
	if err != nil {
		return nil, err
	}
	out := content(recs)
	for i, r := range recs {
		out[i] = fmt.Sprintf("%d ", r.Offset) + out[i]
	}
	return out, nil
}

// content shows records without their offsets.
func content(recs []*kgo.Record) []string {
	out := make([]string, len(recs))
	for i, r := range recs {
		var b bytes.Buffer
		fmt.Fprintf(&b, "%d %d %s %s", r.Partition, r.Timestamp.UnixMilli(), shortly(r.Key), shortly(r.Value))
		for _, h := range r.Headers {
			fmt.Fprintf(&b, " %q=%s", h.Key, shortly(h.Value))
		}
		out[i] = b.String()
	}
	return out
}

// lastByKey shows the newest record of each key of a topic.
func lastByKey(ctx context.Context, t *testing.T, bootstrap, topic string, show func(k, v []byte) (string, error)) (map[string]string, error) {
	recs, err := readTopic(ctx, t, bootstrap, topic, false)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, r := range recs {
		text, err := show(r.Key, r.Value)
		if err != nil {
			return nil, fmt.Errorf("%s at %d: %w", topic, r.Offset, err)
		}
		out[fmt.Sprintf("%x", r.Key)] = text
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s is empty", topic)
	}
	return out, nil
}

// shortly shows bytes by their length and checksum; null and empty differ.
func shortly(b []byte) string {
	if b == nil {
		return "null"
	}
	sum := sha256.Sum256(b)
	return fmt.Sprintf("%d:%x", len(b), sum[:6])
}
