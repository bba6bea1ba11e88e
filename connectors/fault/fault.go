package fault

import (
	"context"
	"fmt"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

// trigger decides when the fault strikes. It belongs to one connector or task.
type trigger struct {
	released <-chan struct{}
	point    string
	action   string
	after    int64
	times    int // left; negative for always
}

// newTrigger reads the fault's properties; task is the number of the task, empty for a connector.
func (s *Set) newTrigger(v config.Values, task string) *trigger {
	t := &trigger{
		released: s.released, point: v.String(PropPoint), action: v.String(PropAction),
		after: v.Int64(PropAfter), times: v.Int(PropTimes),
	}
	if only := v.List(PropTasks); task != "" && len(only) > 0 && !slices.Contains(only, task) {
		t.point = PointNone
	}
	return t
}

// ahead is how many records may still go well at a point that is struck, at most limit.
func (t *trigger) ahead(point string, limit int) int {
	if t == nil || t.point != point || t.times == 0 {
		return limit
	}
	return int(min(t.after, int64(limit)))
}

// count notes n records that went well.
func (t *trigger) count(point string, n int) {
	if t != nil && t.point == point {
		t.after = max(t.after-int64(n), 0)
	}
}

// call is for points without records: a call that goes well counts as one.
func (t *trigger) call(ctx context.Context, point string) error {
	if t.ahead(point, 1) > 0 {
		t.count(point, 1)
		return nil
	}
	return t.strike(ctx, point)
}

// strike does what was asked for.
func (t *trigger) strike(ctx context.Context, point string) error {
	if t.times > 0 {
		t.times--
	}
	err := fmt.Errorf("the fault that %s=%s asks for", PropPoint, point)
	switch t.action {
	case ActionRetriable:
		return connect.Retriable(err)
	case ActionPanic:
		panic(err.Error())
	case ActionStall:
		select {
		case <-ctx.Done():
		case <-t.released:
		}
		return ctx.Err()
	case ActionBlock:
		<-t.released
		return nil
	}
	return err
}
