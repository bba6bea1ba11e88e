package task

import (
	"context"

	"github.com/connectd/connectd/connect"
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
	answer := make(chan []connect.PartitionProgress, 1)
	go func() {
		var parts []connect.PartitionProgress
		err := guard("Progress", func() error {
			parts = p.Progress()
			return nil
		})
		if err != nil {
			s.fail(err)
			return
		}
		answer <- parts
	}()
	select {
	case parts = <-answer:
		return parts, true
	case <-ctx.Done():
	case <-s.hard.Done():
	}
	return nil, false
}
