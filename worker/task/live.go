package task

import (
	"context"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/metrics/measure"
)

// Reconfigure hands a task the present config of its connector, if it is Reconfigurable: between two Polls, or after Start.
// References to config providers are resolved. It does not block.
func (s *Source) Reconfigure(props map[string]string) {
	s.mu.Lock()
	s.current = props
	s.mu.Unlock()
	s.wake()
}

// reconfigure passes on the newest config, if the task has not had it.
func (s *Source) reconfigure() error {
	s.mu.Lock()
	props := s.current
	s.current = nil
	s.mu.Unlock()
	r, ok := s.task.(connect.Reconfigurable)
	if !ok || props == nil {
		return nil
	}
	return guard("Reconfigure", func() error {
		r.Reconfigure(props)
		return nil
	})
}

// Progress asks the task how far it is; false when it does not tell, or is not running. A task that hangs is given up when
// ctx ends.
func (s *Source) Progress(ctx context.Context) (parts []connect.PartitionProgress, ok bool) {
	s.mu.Lock()
	p, is := s.task.(connect.Progresser)
	is = is && s.started && !s.stopped.Load()
	s.mu.Unlock()
	if !is {
		return nil, false
	}
	return asked(ctx, s, "Progress", p.Progress)
}

// CheckpointLatencies asks a task that writes checkpoints; nil for others. A task that hangs is given up when ctx ends.
func (s *Source) CheckpointLatencies(ctx context.Context, now time.Time) []measure.CheckpointLatency {
	s.mu.Lock()
	p, is := s.task.(measure.CheckpointTeller)
	is = is && s.started && !s.stopped.Load()
	s.mu.Unlock()
	if !is {
		return nil
	}
	told, _ := asked(ctx, s, "CheckpointLatencies", func() []measure.CheckpointLatency { return p.CheckpointLatencies(now) })
	return told
}

// asked calls code of the task, and waits for it until ctx or the task ends. A panic fails the task.
func asked[T any](ctx context.Context, s *Source, what string, f func() T) (told T, ok bool) {
	answer := make(chan T, 1)
	go func() {
		var told T
		err := guard(what, func() error {
			told = f()
			return nil
		})
		if err != nil {
			s.fail(err)
			return
		}
		answer <- told
	}()
	select {
	case told = <-answer:
		return told, true
	case <-ctx.Done():
	case <-s.hard.Done():
	}
	return told, false
}
