package connecttest

import (
	"maps"
	"slices"
	"testing"

	"github.com/connectd/connectd/connect"
)

// SinkCase says how to test a sink connector.
type SinkCase struct {
	Plugin connect.ConnectorPlugin
	// Props is a valid config.
	Props map[string]string
	// MaxTasks defaults to 2.
	MaxTasks int
	// Records are put by one task, as they come from Kafka.
	Records []connect.SinkRecord
	// Check looks into the sink system: it must hold records[:n] now, in order per partition; more than once each is
	// allowed after a redelivery.
	Check func(t testing.TB, n int)
}

// Sink checks that a sink connector
//   - describes itself, refuses to start without its required properties, and can be stopped then;
//   - divides its work into no more tasks than asked, the same each time;
//   - takes no records at all, some, and the same ones again;
//   - has written what PreCommit says, and says no more than it was given;
//   - goes on after its partitions were taken away and given back, and after a restart.
func Sink(t *testing.T, c SinkCase) {
	if c.MaxTasks == 0 {
		c.MaxTasks = 2
	}
	cc := NewConnectorContext(t)
	cc.Store = nil
	t.Run("plugin", func(t *testing.T) { plugin(t, c.Plugin, c.Props) })
	t.Run("wrong properties", func(t *testing.T) { wrongProps(t, c.Plugin, c.Props, cc) })
	configs := taskConfigs(t, c.Plugin, c.Props, c.MaxTasks, cc)
	if len(configs) == 0 {
		t.Fatal("no task config")
	}
	half := len(c.Records) / 2
	t.Run("first run", func(t *testing.T) {
		s := c.start(t, configs[0])
		s.put(c.Records[:0])
		s.put(c.Records[:half])
		s.commit()
		c.Check(t, half)
		s.close()
		s.open()
		s.stop()
	})
	t.Run("redelivery after a restart", func(t *testing.T) {
		s := c.start(t, configs[0])
		s.put(c.Records[:half])
		s.put(c.Records[half:])
		s.commit()
		c.Check(t, len(c.Records))
		s.close()
		s.stop()
	})
	t.Run("stop without a record", func(t *testing.T) { c.start(t, configs[0]).stop() })
}

// sinkRun drives one task.
type sinkRun struct {
	t          *testing.T
	task       connect.SinkTask
	partitions []connect.TopicPartition
	offsets    map[connect.TopicPartition]int64
}

func (c SinkCase) start(t *testing.T, config map[string]string) *sinkRun {
	t.Helper()
	s := &sinkRun{t: t, task: c.Plugin.NewSinkTask(), offsets: map[connect.TopicPartition]int64{}}
	for i := range c.Records {
		tp := connect.TopicPartition{Topic: c.Records[i].Topic, Partition: c.Records[i].Partition}
		if !slices.Contains(s.partitions, tp) {
			s.partitions = append(s.partitions, tp)
		}
	}
	if err := s.task.Start(bounded(t), NewSinkTaskContext(t, s.partitions...), config); err != nil {
		t.Fatalf("Start: %v", err)
	}
	s.open()
	return s
}

func (s *sinkRun) open() {
	s.t.Helper()
	if p, ok := s.task.(connect.PartitionAware); ok {
		if err := p.Open(bounded(s.t), s.partitions); err != nil {
			s.t.Fatalf("Open: %v", err)
		}
	}
}

func (s *sinkRun) close() {
	s.t.Helper()
	if p, ok := s.task.(connect.PartitionAware); ok {
		if err := p.Close(bounded(s.t), s.partitions); err != nil {
			s.t.Fatalf("Close: %v", err)
		}
	}
}

func (s *sinkRun) put(records []connect.SinkRecord) {
	s.t.Helper()
	if err := s.task.Put(bounded(s.t), slices.Clone(records)); err != nil {
		s.t.Fatalf("Put of %d records: %v", len(records), err)
	}
	for i := range records {
		s.offsets[connect.TopicPartition{Topic: records[i].Topic, Partition: records[i].Partition}] = records[i].Offset + 1
	}
}

func (s *sinkRun) commit() {
	s.t.Helper()
	p, ok := s.task.(connect.PreCommitter)
	if !ok {
		return
	}
	got, err := p.PreCommit(bounded(s.t), maps.Clone(s.offsets))
	if err != nil {
		s.t.Fatalf("PreCommit: %v", err)
	}
	for tp, off := range got {
		if have, ok := s.offsets[tp]; !ok || off > have {
			s.t.Errorf("PreCommit returns offset %d of %s-%d, beyond %d", off, tp.Topic, tp.Partition, have)
		}
	}
}

func (s *sinkRun) stop() {
	s.t.Helper()
	if err := s.task.Stop(); err != nil {
		s.t.Errorf("Stop: %v", err)
	}
}
