package worker

import (
	"context"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest"
	"github.com/connectd/connectd/rest/api"
	"github.com/connectd/connectd/worker/task"
)

// ConnectorProgress tells how far a connector's tasks on this worker are, and who runs the others.
func (w *Worker) ConnectorProgress(ctx context.Context, name string) (*rest.Progress, error) {
	_, c, err := w.connector(name)
	if err != nil {
		return nil, err
	}
	out := &rest.Progress{Known: api.ConnectorProgress{Name: name}, Elsewhere: map[int]string{}}
	statuses := map[int]cluster.Status{}
	for _, t := range w.statuses.Tasks(name) {
		statuses[t.ID.Task] = t.Status
	}
	tells := w.tellsProgress(c)
	for i := range c.Tasks {
		st := statuses[i]
		t := api.TaskProgress{ID: i, State: string(st.State), WorkerID: st.WorkerID}
		if t.State == "" {
			t.State = string(cluster.Unassigned)
		}
		switch {
		case !tells:
			t.Reason = "tasks of this class do not tell how far they are"
		case st.WorkerID == "":
			t.Reason = "it has no worker yet"
		case st.WorkerID == w.id:
			out.Known.Partitions, t = w.taskProgress(ctx, name, out.Known.Partitions, t)
		default:
			t.Reason = "its worker was not asked"
			out.Elsewhere[i] = w.peerURL(st.WorkerID)
		}
		out.Known.Tasks = append(out.Known.Tasks, t)
	}
	switch {
	case !tells:
		out.Known.Message = "Tasks of " + c.Config["connector.class"] + " do not tell how far they are"
	case len(c.Tasks) == 0:
		out.Known.Message = "The connector has no tasks"
	default:
		out.Stored = func(ctx context.Context) ([]api.PartitionProgress, error) { return w.storedPositions(ctx, name) }
	}
	return out, nil
}

// tellsProgress tells whether the tasks of a connector can tell how far they are.
func (w *Worker) tellsProgress(c *cluster.Connector) bool {
	p, err := w.cfg.Registry.FindConnector(c.Config["connector.class"])
	if err != nil || p.NewSourceTask == nil {
		return false
	}
	_, is := p.NewSourceTask().(connect.Progresser)
	return is
}

// peerURL is where a worker is reached by the id that its statuses have: as this one is.
func (w *Worker) peerURL(workerID string) string {
	scheme, _, _ := strings.Cut(w.url, "://")
	if f := w.cfg.Flow; f != nil {
		return f.peer(scheme, workerID)
	}
	return scheme + "://" + workerID
}

// taskProgress asks a task of this worker.
func (w *Worker) taskProgress(ctx context.Context, name string, parts []api.PartitionProgress, t api.TaskProgress) ([]api.PartitionProgress, api.TaskProgress) {
	w.runnersMu.Lock()
	r := w.runners[cluster.TaskID{Connector: name, Task: t.ID}]
	w.runnersMu.Unlock()
	var told []connect.PartitionProgress
	if r != nil {
		if source, is := r.running(ctx).(*task.Source); is {
			told, t.Available = source.Progress(ctx)
		}
	}
	if !t.Available {
		t.Reason = "it does not run now"
		return parts, t
	}
	for _, p := range told {
		parts = append(parts, api.PartitionProgress{
			Task: t.ID, Topic: p.Topic, Target: p.Target, Partition: p.Partition, Position: p.Position, End: p.End, LagMs: p.LagMs,
			RecordsPerSecond: p.RecordsPerSecond, BytesPerSecond: p.BytesPerSecond, ETAMs: p.ETAMs,
			State: p.State, Reason: p.Reason, ThrottledMs: p.ThrottledMs,
			Lane: p.Lane, LaneReason: p.LaneReason, Batches: p.Batches, Decoded: p.Decoded,
		})
	}
	return parts, t
}

// storedPositions are those of source partitions that are named as MirrorSource names them; its offset is that of the last record
// copied.
func (w *Worker) storedPositions(ctx context.Context, name string) ([]api.PartitionProgress, error) {
	stored, err := w.offsets.Connector(ctx, name)
	if err != nil {
		return nil, err
	}
	var out []api.PartitionProgress
	for _, s := range stored {
		topic, _ := s.Partition.Get("topic")
		text, is := topic.(string)
		partition, has := s.Partition.Int64("partition")
		offset, at := s.Offset.Int64("offset")
		if !is || !has || !at {
			continue
		}
		out = append(out, api.PartitionProgress{
			Task: -1, Topic: text, Partition: int32(partition), Position: offset + 1, End: -1, LagMs: -1, ETAMs: -1,
			State: api.ProgressUnavailable, Reason: "its task could not be asked; the position is the one that is stored",
		})
	}
	return out, nil
}
