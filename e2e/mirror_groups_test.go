package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/testkit"
)

// groupsConfig is a MirrorCheckpoint beside mirrorConfig, that commits on the target.
func groupsConfig(source, target string, tasks int) map[string]string {
	return map[string]string{
		"connector.class":                      "MirrorCheckpoint",
		"tasks.max":                            fmt.Sprint(tasks),
		"source.cluster.alias":                 "S",
		"target.cluster.alias":                 "T",
		"source.cluster.bootstrap.servers":     source,
		"target.cluster.bootstrap.servers":     target,
		"checkpoints.topic.replication.factor": "1",
		"refresh.groups.interval.seconds":      "1",
		"emit.checkpoints.interval.seconds":    "1",
		"sync.group.offsets.enabled":           "true",
		"sync.group.offsets.interval.seconds":  "1",
	}
}

func heartbeatConfig(source, target string) map[string]string {
	c := groupsConfig(source, target, 1)
	c["connector.class"], c["heartbeats.topic.replication.factor"] = "MirrorHeartbeat", "1"
	for k := range c {
		if strings.HasPrefix(k, "emit.checkpoints.") || strings.HasPrefix(k, "sync.") || strings.HasPrefix(k, "refresh.") {
			delete(c, k)
		}
	}
	return c
}

// positions are offsets of a group by topic and partition.
type positions map[string]map[int32]int64

// protocols are the two ways of being a member of a group.
var protocols = map[string][]kgo.Opt{"classic": nil, "consumer": {kgo.ServerSideBalancer()}}

// member is a member of a group that has what it asked for; the group must have no other.
func member(t testing.TB, bootstrap, group, protocol string, partitions int, topics ...string) *kgo.Client {
	t.Helper()
	got := make(chan int, 100)
	cl := kafkaClient(t, bootstrap, slices.Concat(protocols[protocol], []kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topics...), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, tps map[string][]int32) {
			n := 0
			for _, ps := range tps {
				n += len(ps)
			}
			got <- n
		}),
	})...)
	have := 0
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		within, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		cl.PollFetches(within)
		for {
			select {
			case n := <-got:
				have += n
				continue
			default:
			}
			break
		}
		if have < partitions {
			return fmt.Errorf("the member of %s has %d of %d partitions", group, have, partitions)
		}
		return nil
	})
	return cl
}

// commit has a member commit positions.
func commit(t testing.TB, cl *kgo.Client, at positions) {
	t.Helper()
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for topic, ps := range at {
		offsets[topic] = map[int32]kgo.EpochOffset{}
		for p, o := range ps {
			offsets[topic][p] = kgo.EpochOffset{Epoch: -1, Offset: o}
		}
	}
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		var failed error
		cl.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
			failed = err
			if resp == nil {
				return
			}
			for _, topic := range resp.Topics {
				for _, p := range topic.Partitions {
					failed = errors.Join(failed, kerr.ErrorForCode(p.ErrorCode))
				}
			}
		})
		return failed
	})
}

// leave ends a member; its group has none then.
func leave(t testing.TB, cl *kgo.Client, bootstrap, group string) {
	t.Helper()
	cl.Close()
	adm := kadm.NewClient(kafkaClient(t, bootstrap))
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		listed, err := adm.ListGroups(ctx)
		if err == nil && listed[group].State != "Empty" {
			err = fmt.Errorf("group %s is %q", group, listed[group].State)
		}
		return err
	})
}

// standing gives where a group stands.
func standing(ctx context.Context, adm *kadm.Client, group string) (positions, error) {
	found, err := adm.FetchOffsets(ctx, group)
	if err != nil {
		return nil, err
	}
	out := positions{}
	found.Each(func(o kadm.OffsetResponse) {
		if o.Err != nil {
			err = o.Err
			return
		}
		if out[o.Topic] == nil {
			out[o.Topic] = map[int32]int64{}
		}
		out[o.Topic][o.Partition] = o.At
	})
	return out, err
}

func (p positions) String() string {
	var all []string
	for topic, ps := range p {
		for n, at := range ps {
			all = append(all, fmt.Sprintf("%s-%d=%d", topic, n, at))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// awaitStanding waits until a group stands there.
func awaitStanding(t testing.TB, adm *kadm.Client, group string, want positions) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		got, err := standing(ctx, adm, group)
		if err == nil && got.String() != want.String() {
			err = fmt.Errorf("group %s stands at %v, not %v", group, got, want)
		}
		return err
	})
}

// TestMirrorGroups: Java reads what is written of groups, and groups that have members on the target keep their positions.
func TestMirrorGroups(t *testing.T) {
	t.Parallel()
	source, target := testkit.StartBroker(t), testkit.StartBroker(t)
	createTopic(t, source.Bootstrap, "in", 2, nil)
	createTopic(t, source.Bootstrap, "idle", 1, nil)       // nothing is ever in it
	createTopic(t, source.Bootstrap, "heartbeats", 1, nil) // of links that end there
	n := startNode(t, target.Bootstrap, "groups", nil)
	confs := map[string]map[string]string{
		"m": mirrorConfig(source.Bootstrap, target.Bootstrap, "in,idle", 1), "beat": heartbeatConfig(source.Bootstrap, target.Bootstrap),
		"c": groupsConfig(source.Bootstrap, target.Bootstrap, 2),
	}
	for _, conf := range confs {
		copyingBytes(conf)
		conf["offset-syncs.topic.location"] = "target"
	}
	create(t, n.url, "m", confs["m"])
	create(t, n.url, "beat", confs["beat"])
	s := newStream("in", 2)
	producer := kafkaClient(t, source.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := s.produce(t.Context(), producer, 2000); err != nil {
		t.Fatal(err)
	}
	s.verify(t, target.Bootstrap, "S.in")
	for protocol := range protocols {
		cl := member(t, source.Bootstrap, protocol, protocol, 3, "in", "idle")
		commit(t, cl, positions{"in": {0: 777, 1: 1000}, "idle": {0: 0}})
		leave(t, cl, source.Bootstrap, protocol)
	}
	create(t, n.url, "c", confs["c"])
	adm := kadm.NewClient(kafkaClient(t, target.Bootstrap))
	for protocol := range protocols {
		awaitStanding(t, adm, protocol, positions{"S.in": {0: 777, 1: 1000}, "S.idle": {0: 0}})
	}
	t.Run("Java", func(t *testing.T) { javaReadsGroups(t, target.Bootstrap) })
	t.Run("Active", func(t *testing.T) { activeGroupsStay(t, source.Bootstrap, target.Bootstrap, adm) })
	t.Run("HandedOver", func(t *testing.T) {
		src := kadm.NewClient(kafkaClient(t, source.Bootstrap))
		// step has a group read all that is new, and waits until it stands where the copy ends, or for Java somewhat before.
		step := func(produced int64, exact bool) {
			t.Helper()
			if err := s.produce(t.Context(), producer, 400); err != nil {
				t.Fatal(err)
			}
			if err := src.CommitAllOffsets(t.Context(), "witness", committable(positions{"in": {0: produced}})); err != nil {
				t.Fatal(err)
			}
			if again := s.verify(t, target.Bootstrap, "S.in"); again > 0 {
				t.Logf("%d records were copied more than once", again)
			}
			testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
				got, err := standing(ctx, adm, "witness")
				if err != nil {
					return err
				}
				ends, err := adm.ListEndOffsets(ctx, "S.in")
				if err != nil {
					return err
				}
				end, _ := ends.Lookup("S.in", 0)
				if at := got["S.in"][0]; at != end.Offset && (exact || at <= end.Offset-200) {
					err = fmt.Errorf("group witness stands at %d of %d", at, end.Offset)
				}
				return err
			})
		}
		step(1200, true)
		n.Signal(syscall.SIGTERM)
		j := testkit.StartJavaWorker(t, target.Bootstrap, "groups",
			testkit.Property("session.timeout.ms", "6000"), testkit.Property("heartbeat.interval.ms", "1000"),
			testkit.Property("scheduled.rebalance.max.delay.ms", "1000"), testkit.Property("offset.flush.interval.ms", "1000"))
		step(1400, false)
		j.Stop()
		startNode(t, target.Bootstrap, "groups", nil)
		step(1600, true)
	})
}

// copyingBytes has Java copy bytes as they are, as connectd does.
func copyingBytes(conf map[string]string) map[string]string {
	for _, k := range []string{"key.converter", "value.converter", "header.converter"} {
		conf[k] = "org.apache.kafka.connect.converters.ByteArrayConverter"
	}
	return conf
}

// javaReadsGroups reads checkpoints and heartbeats with Java's own classes.
func javaReadsGroups(t *testing.T, target string) {
	java := testkit.StartJava(t, filepath.Join("testdata", "mirror", "ReadGroups.java"), target)
	ask := func(question string, want ...string) {
		t.Helper()
		testkit.Eventually(t, time.Minute, func(context.Context) error {
			got := string(java.Ask([]byte(question)))
			for _, w := range want {
				if !strings.Contains(got, w) {
					return fmt.Errorf("%s: Java reads %s, without %s", question, got, w)
				}
			}
			return nil
		})
	}
	for protocol := range protocols {
		ask("translate S "+protocol, "{S.idle-0=0, S.in-0=777, S.in-1=1000}")
		ask("format checkpoint S.checkpoints.internal",
			"Checkpoint{consumerGroupId="+protocol+", topicPartition=S.in-0, upstreamOffset=777, downstreamOffset=777, metadata=")
	}
	ask("format heartbeat heartbeats", "Heartbeat{sourceClusterAlias=S, targetClusterAlias=T, timestamp=")
	ask("clusters S", "[S] [S.checkpoints.internal] [S.heartbeats, heartbeats] 1")
}

// activeGroupsStay has members on the target while the groups go on at the source.
func activeGroupsStay(t *testing.T, source, target string, adm *kadm.Client) {
	members := map[string]*kgo.Client{}
	own := positions{"S.in": {0: 800, 1: 900}, "S.idle": {0: 0}}
	for protocol := range protocols {
		members[protocol] = member(t, target, protocol, protocol, 3, "S.in", "S.idle")
		commit(t, members[protocol], own)
	}
	src := kadm.NewClient(kafkaClient(t, source))
	onSource := positions{"in": {0: 990, 1: 999}, "idle": {0: 0}}
	for _, group := range append(slices.Collect(maps.Keys(protocols)), "witness") {
		if err := src.CommitAllOffsets(t.Context(), group, committable(onSource)); err != nil {
			t.Fatal(err)
		}
	}
	// The witness has no members, so its position shows that a round has passed.
	awaitStanding(t, adm, "witness", positions{"S.in": {0: 990, 1: 999}, "S.idle": {0: 0}})
	for protocol := range protocols {
		if got, err := standing(t.Context(), adm, protocol); err != nil || got.String() != own.String() {
			t.Errorf("a group with members (%s) was moved from %v to %v (%v)", protocol, own, got, err)
		}
		// What protects it, should a member come between the look and the commit:
		err := adm.CommitAllOffsets(t.Context(), protocol, committable(positions{"S.in": {0: 1}}))
		if !errors.Is(err, kerr.UnknownMemberID) {
			t.Errorf("the broker's answer to a commit from outside of a group with members (%s): %v", protocol, err)
		}
	}
	// Once it has no members a group follows again, but never back.
	set := func(group string, at positions) {
		t.Helper()
		if err := src.CommitAllOffsets(t.Context(), group, committable(at)); err != nil {
			t.Fatal(err)
		}
	}
	set("classic", positions{"in": {0: 10, 1: 1000}})
	set("witness", positions{"in": {0: 991}})
	awaitStanding(t, adm, "witness", positions{"S.in": {0: 991, 1: 999}, "S.idle": {0: 0}})
	for protocol, cl := range members {
		leave(t, cl, target, protocol)
	}
	awaitStanding(t, adm, "consumer", positions{"S.in": {0: 990, 1: 999}, "S.idle": {0: 0}})
	awaitStanding(t, adm, "classic", positions{"S.in": {0: 800, 1: 1000}, "S.idle": {0: 0}})
}

func committable(at positions) kadm.Offsets {
	out := kadm.Offsets{}
	for topic, ps := range at {
		for p, o := range ps {
			out.AddOffset(topic, p, o, -1)
		}
	}
	return out
}
