package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/storage/configlog"
)

// statuses gathers the status topic.
type statuses struct {
	connectors map[string]Status
	tasks      map[cluster.TaskID]Status
	topics     map[[2]string]TopicUse // connector, topic
	removed    map[string]At          // keys whose newest record is a tombstone
}

func newStatuses() *statuses {
	return &statuses{map[string]Status{}, map[cluster.TaskID]Status{}, map[[2]string]TopicUse{}, map[string]At{}}
}

func (s *statuses) add(r configlog.Record) error {
	rec, err := configlog.ParseStatus(r.Key, r.Value)
	if err != nil {
		return err
	}
	a := at(r)
	switch {
	case rec.Task != nil:
		put(s, s.tasks, *rec.Task, r, a, rec.Status, status)
	case rec.Connector != "":
		put(s, s.connectors, rec.Connector, r, a, rec.Status, status)
	default:
		put(s, s.topics, [2]string{rec.TopicConnector, rec.TopicName}, r, a, rec.Topic, topicUse(rec.TopicName))
	}
	return nil
}

// put keeps the newest record of a key. Records of one partition come in order; between partitions the time decides.
func put[K comparable, V interface{ place() At }, R any](s *statuses, m map[K]V, key K, r configlog.Record, a At, value *R, make func(*R, At) V) {
	if old, has := m[key]; has && old.place().Partition != a.Partition && newer(old.place(), a) {
		return
	}
	if gone, has := s.removed[string(r.Key)]; has && gone.Partition != a.Partition && newer(gone, a) {
		return
	}
	if value == nil {
		delete(m, key)
		s.removed[string(r.Key)] = a
		return
	}
	delete(s.removed, string(r.Key))
	m[key] = make(value, a)
}

func (s Status) place() At   { return s.Record }
func (t TopicUse) place() At { return t.Record }

func status(s *cluster.Status, a At) Status {
	out := Status{State: string(s.State), WorkerID: s.WorkerID, Generation: s.Generation, Record: a}
	if s.Version != "" {
		out.Version = &s.Version
	}
	if s.Trace != "" {
		out.Trace = &s.Trace
	}
	return out
}

func topicUse(name string) func(*configlog.TopicStatus, At) TopicUse {
	return func(t *configlog.TopicStatus, a At) TopicUse {
		return TopicUse{Topic: name, Task: t.Task, Discovered: stamp(t.DiscoveredMs), Record: a}
	}
}

func (c *Collector) reportStatuses(t Topic, exists func(string) *bool) *Statuses {
	by := map[string]*ConnectorStatuses{}
	of := func(name string) *ConnectorStatuses {
		if by[name] == nil {
			by[name] = &ConnectorStatuses{Name: name, Exists: exists(name), Tasks: []TaskStatus{}, Topics: []TopicUse{}, Problems: []string{}}
		}
		return by[name]
	}
	for name, s := range c.statuses.connectors {
		of(name).Connector = &s
	}
	for id, s := range c.statuses.tasks {
		of(id.Connector).Tasks = append(of(id.Connector).Tasks, TaskStatus{id.Task, s})
	}
	for key, use := range c.statuses.topics {
		of(key[0]).Topics = append(of(key[0]).Topics, use)
	}
	out := &Statuses{Topic: t, Connectors: []ConnectorStatuses{}}
	for _, name := range sortedKeys(by) {
		if !c.o.wants(name) {
			continue
		}
		one := by[name]
		slices.SortFunc(one.Tasks, func(a, b TaskStatus) int { return a.Task - b.Task })
		slices.SortFunc(one.Topics, func(a, b TopicUse) int { return strings.Compare(a.Topic, b.Topic) })
		one.Problems = append(one.Problems, c.statusProblems(one)...)
		out.Connectors = append(out.Connectors, *one)
	}
	return out
}

// statusProblems holds statuses against the configs, where both were read.
func (c *Collector) statusProblems(s *ConnectorStatuses) []string {
	if s.Exists == nil {
		return nil
	}
	if !*s.Exists {
		return []string{"no connector of that name exists: the statuses are left over"}
	}
	var out []string
	if s.Connector == nil {
		out = append(out, "the connector has no status")
	}
	conn := c.configs.state.Snapshot().Connectors[s.Name]
	have := map[int]bool{}
	for _, t := range s.Tasks {
		have[t.Task] = true
		if t.Task >= len(conn.Tasks) && !conn.Inconsistent {
			out = append(out, fmt.Sprintf("task %d has a status but no committed config: the status is left over", t.Task))
		}
	}
	if !conn.Inconsistent {
		for i := range conn.Tasks {
			if !have[i] {
				out = append(out, fmt.Sprintf("task %d is committed but has no status", i))
			}
		}
	}
	return out
}
