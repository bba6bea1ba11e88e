package storage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/storage/configlog"
)

// maxTrace bounds a trace in bytes, so that a status always fits into a record of a broker's default limits.
const maxTrace = 256 << 10

// StatusStore keeps the statuses of connectors and tasks, and which topics a connector used. Writes return at once: the
// store's own goroutine sends them, tries again while the topic can't be written, and of several waiting for one key
// sends the newest only. Reads show what was read back from the topic, this worker's writes and others'.
type StatusStore struct {
	log    Log
	logger hclog.Logger
	queue  *statusQueue

	mu sync.Mutex
	// own is what this worker wrote of work that it has, by the record's key.
	own        map[string]statusWrite
	connectors map[string]cluster.Status
	tasks      map[string]map[int]cluster.Status
	topics     map[string]map[string]configlog.TopicStatus
	// revision counts the statuses read, revisions has the last one of each connector with a status of itself or of a task.
	revision  uint64
	revisions map[string]uint64
	resets    atomic.Uint64
}

// NewStatusStore makes a store.
func NewStatusStore(log Log, logger hclog.Logger) *StatusStore {
	s := &StatusStore{
		log: log, logger: logger, own: map[string]statusWrite{},
		connectors: map[string]cluster.Status{}, tasks: map[string]map[int]cluster.Status{},
		topics: map[string]map[string]configlog.TopicStatus{}, revisions: map[string]uint64{},
	}
	s.queue = newStatusQueue(log, logger, s.superseded)
	return s
}

// Fence tells the store how to ask whether this worker is a member of its group. While it is none, another worker may have
// been given its work: so before it writes, the store reads the topic to its end, and leaves alone whatever another worker
// wrote in a later generation. To be called before Start.
func (s *StatusStore) Fence(isMember func() bool) { s.queue.isMember = isMember }

// Start reads the topic to its end and begins to write.
func (s *StatusStore) Start(ctx context.Context) error {
	if err := s.log.Start(ctx, s.onRecords); err != nil {
		return fmt.Errorf("reading the status topic: %w", err)
	}
	s.queue.start()
	return nil
}

// Flush returns once everything put before is written, or ctx ends.
func (s *StatusStore) Flush(ctx context.Context) error { return s.queue.flush(ctx) }

// Close gives up what is not written yet and stops. Call Flush before, with a deadline, on a clean shutdown.
func (s *StatusStore) Close() error {
	s.queue.close()
	return s.log.Close()
}

// PutConnector writes a connector's status; Destroyed removes it. UNASSIGNED and FAILED are written only as long as no
// other worker wrote a status in a later generation: they come from a worker that may have lost the connector.
func (s *StatusStore) PutConnector(name string, st cluster.Status) {
	st.Trace = cut(st.Trace)
	s.put(statusWrite{kv: configlog.ConnectorStatus(name, st), connector: name, status: &st})
}

// PutTask writes a task's status by the same rule.
func (s *StatusStore) PutTask(id cluster.TaskID, st cluster.Status) {
	st.Trace = cut(st.Trace)
	s.put(statusWrite{kv: configlog.TaskStatus(id, st), task: &id, status: &st})
}

func (s *StatusStore) put(w statusWrite) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.status.State == cluster.Unassigned || w.status.State == cluster.Destroyed {
		delete(s.own, string(w.kv.Key))
	} else {
		s.own[string(w.kv.Key)] = w
	}
	s.queue.put(w)
}

// heal writes the status of this worker's work again where another worker has overwritten it with an older one: it gave the
// work away, and its UNASSIGNED came late, or it is a zombie. Without it the work would look idle, or elsewhere, until its
// state changes. A status that was not read back yet comes later anyhow. The caller holds mu.
func (s *StatusStore) heal(key string, st *cluster.Status) {
	w, ok := s.own[key]
	if !ok || st == nil || st.WorkerID == w.status.WorkerID {
		return
	}
	now := s.connectors[w.connector]
	if w.task != nil {
		now = s.tasks[w.task.Connector][w.task.Task]
	}
	if now != *w.status {
		return
	}
	if st.Generation < w.status.Generation || st.Generation == w.status.Generation && st.State == cluster.Unassigned {
		s.queue.put(w)
	}
}

func cut(trace string) string {
	if len(trace) <= maxTrace {
		return trace
	}
	return strings.ToValidUTF8(trace[:maxTrace], "") + "\n(cut)"
}

// TopicUsed notes that a connector's task used a topic; nothing is written if that is known.
func (s *StatusStore) TopicUsed(t configlog.TopicStatus) {
	s.mu.Lock()
	_, known := s.topics[t.Connector][t.Topic]
	s.mu.Unlock()
	kv := configlog.TopicUsed(t)
	if !known && !s.queue.waiting(kv.Key) {
		s.queue.put(statusWrite{kv: kv})
	}
}

// ResetTopics forgets which topics a connector used.
func (s *StatusStore) ResetTopics(connector string) {
	for _, t := range s.Topics(connector) {
		s.queue.put(statusWrite{kv: configlog.ForgetTopic(connector, t.Topic)})
	}
}

// TopicResets counts the topics that were read to be forgotten: after one, TopicUsed has to be called again.
func (s *StatusStore) TopicResets() uint64 { return s.resets.Load() }

// DeleteTask removes a task's status.
func (s *StatusStore) DeleteTask(id cluster.TaskID) {
	s.PutTask(id, cluster.Status{State: cluster.Destroyed})
}

// DeleteConnector removes the statuses of a connector and of all its known tasks.
func (s *StatusStore) DeleteConnector(name string) {
	for _, t := range s.Tasks(name) {
		s.DeleteTask(t.ID)
	}
	s.PutConnector(name, cluster.Status{State: cluster.Destroyed})
}

// Connector gives a connector's status and whether there is one.
func (s *StatusStore) Connector(name string) (cluster.Status, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.connectors[name]
	return st, ok
}

// Task gives a task's status and whether there is one.
func (s *StatusStore) Task(id cluster.TaskID) (cluster.Status, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.tasks[id.Connector][id.Task]
	return st, ok
}

// TaskStatus is a task with its status.
type TaskStatus struct {
	ID cluster.TaskID
	cluster.Status
}

// Tasks lists the statuses of a connector's tasks by task number.
func (s *StatusStore) Tasks(connector string) []TaskStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]TaskStatus, 0, len(s.tasks[connector]))
	for _, n := range slices.Sorted(maps.Keys(s.tasks[connector])) {
		out = append(out, TaskStatus{cluster.TaskID{Connector: connector, Task: n}, s.tasks[connector][n]})
	}
	return out
}

// Revision changes whenever a status of a connector or task was read.
func (s *StatusStore) Revision() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revision
}

// ConnectorRevision changes whenever a status of that connector or of one of its tasks was read; 0 while it has none.
func (s *StatusStore) ConnectorRevision(name string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revisions[name]
}

// revised notes that statuses of a connector may have changed.
func (s *StatusStore) revised(name string) {
	s.revision++
	_, known := s.connectors[name]
	if !known && len(s.tasks[name]) == 0 {
		delete(s.revisions, name)
		return
	}
	s.revisions[name] = s.revision
}

// Connectors lists the connectors that have a status, by name.
func (s *StatusStore) Connectors() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.connectors))
}

// Topics lists the topics that a connector used, by name.
func (s *StatusStore) Topics(connector string) []configlog.TopicStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]configlog.TopicStatus, 0, len(s.topics[connector]))
	for _, name := range slices.Sorted(maps.Keys(s.topics[connector])) {
		out = append(out, s.topics[connector][name])
	}
	return out
}

// TopicUsers lists the connectors that used topics, by name.
func (s *StatusStore) TopicUsers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.topics))
}

func (s *StatusStore) onRecords(recs []Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range recs {
		rec, err := configlog.ParseStatus(r.Key, r.Value)
		if err == nil {
			s.heal(string(r.Key), rec.Status)
		}
		switch {
		case err != nil:
			s.logger.Warn("skipping a record of the status topic", "key", string(r.Key), "partition", r.Partition, "offset", r.Offset, "reason", err)
		case rec.Connector != "":
			if rec.Status == nil {
				delete(s.connectors, rec.Connector)
			} else {
				s.connectors[rec.Connector] = *rec.Status
			}
			s.revised(rec.Connector)
		case rec.Task != nil:
			s.readTask(*rec.Task, rec.Status)
			s.revised(rec.Task.Connector)
		default:
			if rec.Topic == nil {
				s.resets.Add(1)
			}
			set(s.topics, rec.TopicConnector, rec.TopicName, rec.Topic)
		}
	}
}

// readTask takes a task's status. A worker that lost a task may say UNASSIGNED after its new owner said RUNNING; by that
// order the task would look idle while it runs.
func (s *StatusStore) readTask(id cluster.TaskID, st *cluster.Status) {
	old, ok := s.tasks[id.Connector][id.Task]
	if ok && st != nil && st.State == cluster.Unassigned && old.State == cluster.Running && old.WorkerID != st.WorkerID && old.Generation >= st.Generation {
		return
	}
	set(s.tasks, id.Connector, id.Task, st)
}

func set[K1, K2 comparable, V any](m map[K1]map[K2]V, k1 K1, k2 K2, v *V) {
	if v == nil {
		delete(m[k1], k2)
		if len(m[k1]) == 0 {
			delete(m, k1)
		}
		return
	}
	if m[k1] == nil {
		m[k1] = map[K2]V{}
	}
	m[k1][k2] = *v
}

// superseded tells whether a write must not happen any more, because another worker wrote later. Where the write may be
// old, every state is held to the rule, not only those from a worker that may have lost the work.
func (s *StatusStore) superseded(w statusWrite, d doubt) bool {
	switch {
	case w.status == nil:
		return false
	case d == fenced:
	case w.status.State == cluster.Destroyed:
		return false
	case d == fresh && w.status.State != cluster.Unassigned && w.status.State != cluster.Failed:
		return false
	}
	var now cluster.Status
	var ok bool
	if w.task != nil {
		now, ok = s.Task(*w.task)
	} else {
		now, ok = s.Connector(w.connector)
	}
	return ok && now.WorkerID != w.status.WorkerID && now.Generation > w.status.Generation
}
