package mirror

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// fakeGroup is a consumer group of a cluster in memory.
type fakeGroup struct {
	state   string
	offsets map[connect.TopicPartition]client.GroupOffset
	fail    error
	commits int
	// before runs when a commit has come and is not carried out yet.
	before func()
}

// group makes a group without members that stands at these offsets of topic in.
func (c *cluster) group(name, state string, at map[connect.TopicPartition]int64) *fakeGroup {
	g := &fakeGroup{state: state, offsets: map[connect.TopicPartition]client.GroupOffset{}}
	for tp, o := range at {
		g.offsets[tp] = client.GroupOffset{At: o, Metadata: "m"}
	}
	c.edit(func() { c.groups[name] = g })
	return g
}

// holdsCompacted looks for a topic that is compacted.
func (c *cluster) holdsCompacted(t *testing.T, want client.Topic) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := cmp.Diff(want, c.topics[want.Name]); d != "" || c.configs[want.Name]["cleanup.policy"].Value != "compact" {
		t.Errorf("%s %v", d, c.configs[want.Name])
	}
}

// fakeGroups is the group administration of a cluster.
type fakeGroups struct {
	*cluster
	f *fakeClients
}

func (f *fakeClients) Groups(props map[string]string) (GroupAdmin, error) {
	c, err := f.cluster(props)
	if err != nil {
		return nil, err
	}
	return &fakeGroups{cluster: c, f: f}, nil
}

func (g *fakeGroups) Groups(context.Context) (map[string]client.Group, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[string]client.Group{}
	for name, group := range g.groups {
		out[name] = client.Group{State: group.state}
	}
	return out, g.fail
}

func (g *fakeGroups) Offsets(_ context.Context, groups []string) (map[string]map[connect.TopicPartition]client.GroupOffset, map[string]error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	out, failed := map[string]map[connect.TopicPartition]client.GroupOffset{}, map[string]error{}
	for _, name := range groups {
		group := g.groups[name]
		switch {
		case g.fail != nil:
			failed[name] = g.fail
		case group == nil:
			out[name] = map[connect.TopicPartition]client.GroupOffset{}
		case group.fail != nil:
			failed[name] = group.fail
		default:
			out[name] = maps.Clone(group.offsets)
		}
	}
	return out, failed
}

func (g *fakeGroups) Commit(_ context.Context, name string, offsets map[connect.TopicPartition]client.GroupOffset) (map[connect.TopicPartition]error, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	group := g.groups[name]
	if group == nil {
		group = &fakeGroup{state: "Empty", offsets: map[connect.TopicPartition]client.GroupOffset{}}
		g.groups[name] = group
	}
	if group.before != nil {
		group.before()
	}
	if group.state != "Empty" {
		return nil, fmt.Errorf("%s: %w", name, client.ErrGroupNotEmpty)
	}
	failed := map[connect.TopicPartition]error{}
	for tp, o := range offsets {
		if tp.Partition >= g.topics[tp.Topic].Partitions {
			failed[tp] = client.ErrUnknownTopic
			continue
		}
		group.offsets[tp] = o
	}
	group.commits++
	return failed, g.fail
}

func (g *fakeGroups) Bounds(_ context.Context, tps []connect.TopicPartition) (map[connect.TopicPartition]client.Bounds, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[connect.TopicPartition]client.Bounds{}
	for _, tp := range tps {
		if tp.Partition < g.topics[tp.Topic].Partitions {
			l := g.log(tp)
			out[tp] = client.Bounds{Start: l.first, End: l.first + int64(len(l.recs)) + l.markers}
		}
	}
	return out, g.fail
}

func (g *fakeGroups) Close() { g.f.closed() }

// fakeLogs follows topics of a cluster.
type fakeLogs struct {
	*cluster
	f *fakeClients
}

func (f *fakeClients) Logs(consumer, _ map[string]string) (Logs, error) {
	c, err := f.cluster(consumer)
	if err != nil {
		return nil, err
	}
	return &fakeLogs{cluster: c, f: f}, nil
}

func (l *fakeLogs) Log(topic string) Log {
	ctx, cancel := context.WithCancel(context.Background())
	return &fakeLog{cluster: l.cluster, tp: connect.TopicPartition{Topic: topic}, life: ctx, cancel: cancel}
}

func (l *fakeLogs) Close() { l.f.closed() }

// fakeLog follows one topic of one partition.
type fakeLog struct {
	*cluster
	tp     connect.TopicPartition
	life   context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	handing sync.Mutex
	next    int
	on      func([]client.LogRecord)
}

func (l *fakeLog) Start(_ context.Context, onRecords func([]client.LogRecord)) error {
	l.on = onRecords
	wake := l.hand()
	l.work.Go(func() {
		for {
			select {
			case <-l.life.Done():
				return
			case <-wake:
				wake = l.hand()
			}
		}
	})
	return nil
}

// hand passes on what is new, and gives what tells of more.
func (l *fakeLog) hand() chan struct{} {
	l.handing.Lock()
	defer l.handing.Unlock()
	l.mu.Lock()
	all, wake := l.log(l.tp).recs, l.wake
	l.mu.Unlock()
	var recs []client.LogRecord
	for _, r := range all[l.next:] {
		recs = append(recs, client.LogRecord{Key: r.Key, Value: r.Value, Partition: r.Partition, Offset: r.Offset})
	}
	l.next = len(all)
	if len(recs) > 0 {
		l.on(recs)
	}
	return wake
}

func (l *fakeLog) ReadToEnd(context.Context) error {
	l.hand()
	return nil
}

func (l *fakeLog) Close() error {
	l.cancel()
	l.work.Wait()
	return nil
}
