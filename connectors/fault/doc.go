// Package fault holds a source and a sink that fail, block or stall on request: for tests of workers and for demos of
// what a misbehaving connector does to its neighbours (nothing).
//
// It touches nothing outside its own memory. A block that is asked for holds its goroutine until Set.Release.
package fault

import (
	"sync"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

// The class names under which the connectors are registered.
const (
	SourceClass = "io.connectd.fault.FaultSourceConnector"
	SinkClass   = "io.connectd.fault.FaultSinkConnector"

	version = "1.0.0"
)

// Names of the properties.
const (
	// PropPoint says where the fault strikes, PropAction what it does there.
	PropPoint  = "fault.point"
	PropAction = "fault.action"
	// PropAfter is the number of records, or of calls where there are none, that go well before.
	PropAfter = "fault.after"
	// PropTimes is how often the fault strikes in one life of a connector or task; -1 is always.
	PropTimes = "fault.times"
	// PropTasks lists the numbers of the tasks that are struck; empty is all.
	PropTasks = "fault.tasks"

	propTopic    = "topic"
	propRecords  = "records"
	propBatch    = "batch.size"
	propInterval = "poll.interval.ms"
	propTask     = "task.number"
)

// Where a fault may strike.
const (
	PointNone           = "none"
	PointConnectorStart = "connector.start"
	PointConnectorStop  = "connector.stop"
	PointRaise          = "connector.raise"
	PointTaskConfigs    = "task.configs"
	PointTaskStart      = "task.start"
	PointTaskStop       = "task.stop"
	PointPoll           = "poll"
	PointCommit         = "commit"
	PointPut            = "put"
	PointPreCommit      = "precommit"
)

// What a fault may do.
const (
	ActionError     = "error"     // return an error
	ActionRetriable = "retriable" // return an error that asks for another try
	ActionPanic     = "panic"
	ActionStall     = "stall" // wait for the end of the context
	ActionBlock     = "block" // wait for Set.Release, whatever the context says
)

// Set is a pair of plugins whose blocks can be released.
type Set struct {
	once     sync.Once
	released chan struct{}
}

// New gives a set in which nothing is released.
func New() *Set { return &Set{released: make(chan struct{})} }

// Release ends all blocks of the set's connectors and tasks, present and future.
func (s *Set) Release() { s.once.Do(func() { close(s.released) }) }

// Register hands both connectors to a registrar.
func (s *Set) Register(r connect.Registrar) {
	r.Connector(s.Source())
	r.Connector(s.Sink())
}

// Source describes the faulty source. It writes numbered lines to a topic.
func (s *Set) Source() connect.ConnectorPlugin {
	def := sourceConfig()
	return connect.ConnectorPlugin{
		Class: SourceClass, TaskClass: "io.connectd.fault.FaultSourceTask", Version: version, Type: connect.Source, Config: def,
		New:           func() connect.Connector { return &connector{set: s, def: def} },
		NewSourceTask: func() connect.SourceTask { return &sourceTask{set: s, def: def} },
	}
}

// Sink describes the faulty sink. It counts what it gets and drops it.
func (s *Set) Sink() connect.ConnectorPlugin {
	def := sinkConfig()
	return connect.ConnectorPlugin{
		Class: SinkClass, TaskClass: "io.connectd.fault.FaultSinkTask", Version: version, Type: connect.Sink, Config: def,
		New:         func() connect.Connector { return &connector{set: s, def: def} },
		NewSinkTask: func() connect.SinkTask { return &sinkTask{set: s, def: def} },
	}
}

func sourceConfig() *config.Def {
	return faultConfig(PointPoll, PointCommit).Define(
		config.Key{Name: propTopic, Default: "fault", Validator: config.NonEmpty(), Importance: config.High, Doc: "The topic to write to"},
		config.Key{
			Name: propRecords, Type: config.TypeLong, Default: int64(-1), Validator: config.AtLeast(int64(-1)),
			Doc: "The number of records that each task writes; -1 for no end",
		},
		config.Key{
			Name: propBatch, Type: config.TypeInt, Default: int32(10), Validator: config.Between(int32(1), int32(100000)),
			Importance: config.Low, Doc: "The number of records that each poll returns",
		},
		config.Key{
			Name: propInterval, Type: config.TypeLong, Default: int64(100), Validator: config.AtLeast(int64(0)),
			Importance: config.Low, Doc: "Milliseconds between two polls that return records",
		},
	)
}

func sinkConfig() *config.Def { return faultConfig(PointPut, PointPreCommit) }

func faultConfig(more ...string) *config.Def {
	points := append([]string{
		PointNone, PointConnectorStart, PointConnectorStop, PointRaise, PointTaskConfigs, PointTaskStart, PointTaskStop,
	}, more...)
	return config.New(
		config.Key{
			Name: PropPoint, Default: PointNone, Validator: config.OneOf(points...), Importance: config.High,
			Doc: "Where the fault strikes",
		},
		config.Key{
			Name: PropAction, Default: ActionError, Importance: config.High,
			Validator: config.OneOf(ActionError, ActionRetriable, ActionPanic, ActionStall, ActionBlock),
			Doc:       "What it does: fail, fail and ask for another try, panic, wait for the end of the context, or block",
		},
		config.Key{
			Name: PropAfter, Type: config.TypeLong, Default: int64(0), Validator: config.AtLeast(int64(0)),
			Doc: "The number of records (of calls, where there are none) that go well before the fault",
		},
		config.Key{
			Name: PropTimes, Type: config.TypeInt, Default: int32(-1), Validator: config.AtLeast(int32(-1)),
			Doc: "How often the fault strikes in one life of the connector or task; -1 for always",
		},
		config.Key{
			Name: PropTasks, Type: config.TypeList, Default: "", Importance: config.Low,
			Doc: "The numbers of the tasks that are struck; empty for all",
		},
	)
}
