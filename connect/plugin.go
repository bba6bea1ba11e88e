package connect

import "github.com/connectd/connectd/connect/config"

// Registrar takes plugins. A distribution calls its methods explicitly before the worker starts; there is no global
// registry and no init().
type Registrar interface {
	Connector(ConnectorPlugin)
	Converter(ConverterPlugin)
	HeaderConverter(HeaderConverterPlugin)
	Transform(TransformPlugin)
	Predicate(PredicatePlugin)
}

// ConnectorType is what the REST API calls a connector's type.
type ConnectorType string

// The connector types.
const (
	Source ConnectorType = "source"
	Sink   ConnectorType = "sink"
)

// ConnectorPlugin describes a connector to the worker.
type ConnectorPlugin struct {
	// Class is the full Java-style class name; connector.class may also give its last part, with or without the
	// suffix Connector.
	Class   string
	Version string
	Type    ConnectorType
	// TaskClass is stored as task.class in task configs, as Java workers do.
	TaskClass string
	Config    *config.Def
	New       func() Connector
	// NewSourceTask or NewSinkTask is set according to Type.
	NewSourceTask func() SourceTask
	NewSinkTask   func() SinkTask
	// BytesByDefault makes ByteArrayConverter the default for keys, values and headers where the connector's config does
	// not name a converter, whatever the worker's default is.
	BytesByDefault bool
	// ProducerDefaults are properties of Kafka's Java producer, for the producer of a source task, where neither the worker's
	// producer.* nor the connector's producer.override.* says otherwise. Idempotence that those rule out is off, and then one
	// request is in flight at a time unless they want more.
	ProducerDefaults map[string]string
	// Live tells whether a property of the connector's config takes effect without a restart of its tasks: they are
	// Reconfigurable, and TaskConfigs leaves it out. The worker calls it for each property that a new config changes. Nil:
	// none does.
	Live func(property string) bool
}

// Converter turns data into bytes and back. It is used by one task at a time.
type Converter interface {
	// Configure gets the properties below its prefix, e.g. schemas.enable.
	Configure(props map[string]string, isKey bool) error
	// FromData gives the bytes of a value; nil bytes are a null record key or value.
	FromData(topic string, schema *Schema, value any) ([]byte, error)
	ToData(topic string, data []byte) (*Schema, any, error)
}

// ConverterPlugin describes a converter.
type ConverterPlugin struct {
	Class, Version string
	Config         *config.Def
	New            func() Converter
}

// HeaderConverter turns header values into bytes and back.
type HeaderConverter interface {
	Configure(props map[string]string) error
	FromHeader(topic, key string, schema *Schema, value any) ([]byte, error)
	ToHeader(topic, key string, data []byte) (*Schema, any, error)
}

// HeaderConverterPlugin describes a header converter.
type HeaderConverterPlugin struct {
	Class, Version string
	Config         *config.Def
	New            func() HeaderConverter
}

// Transform changes records one at a time. Source and sink records share what a transform may touch by Transformable.
type Transform interface {
	Configure(props map[string]string) error
	// Apply changes rec in place; false drops it.
	Apply(rec *Transformable) (bool, error)
	Close() error
}

// Transformable is the part of a record that transforms see and may replace.
type Transformable struct {
	Topic       string
	Partition   int32
	KeySchema   *Schema
	Key         any
	ValueSchema *Schema
	Value       any
	TimestampMs int64 // -1 for none
	Headers     []Header

	// FromSink tells that the record was read from Kafka, at Offset. What changes these two has no effect.
	FromSink bool
	Offset   int64
}

// TransformPlugin describes a transform.
type TransformPlugin struct {
	Class, Version string
	Config         *config.Def
	New            func() Transform
}

// Predicate decides whether a transform applies to a record.
type Predicate interface {
	Configure(props map[string]string) error
	Test(rec *Transformable) (bool, error)
	Close() error
}

// PredicatePlugin describes a predicate.
type PredicatePlugin struct {
	Class, Version string
	Config         *config.Def
	New            func() Predicate
}
