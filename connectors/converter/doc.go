// Package converter holds Kafka's own converters under their Java class names: ByteArray, String, Json, the numbers,
// Boolean, and the simple header converter. What they write is what the Java ones write, byte for byte; where Java writes
// something useless (the address of an array) they fail.
//
// It is pure: no I/O, goroutine, clock or logger.
package converter

import (
	"fmt"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

const version = "4.3.1" // of the Kafka release whose converters these are

// Register hands all converters to a registrar.
func Register(r connect.Registrar) {
	both(r, "org.apache.kafka.connect.converters.ByteArrayConverter", typed(), func() *ByteArray { return &ByteArray{} })
	both(r, "org.apache.kafka.connect.converters.BooleanConverter", typed(), func() *Number { return newBoolean() })
	both(r, "org.apache.kafka.connect.converters.DoubleConverter", typed(), func() *Number { return newDouble() })
	both(r, "org.apache.kafka.connect.converters.FloatConverter", typed(), func() *Number { return newFloat() })
	both(r, "org.apache.kafka.connect.converters.IntegerConverter", typed(), func() *Number { return newInteger() })
	both(r, "org.apache.kafka.connect.converters.LongConverter", typed(), func() *Number { return newLong() })
	both(r, "org.apache.kafka.connect.converters.ShortConverter", typed(), func() *Number { return newShort() })
	both(r, "org.apache.kafka.connect.json.JsonConverter", jsonConfig(), func() *JSON { return &JSON{} })
	both(r, "org.apache.kafka.connect.storage.StringConverter", stringConfig(), func() *String { return &String{} })
	r.HeaderConverter(connect.HeaderConverterPlugin{
		Class: "org.apache.kafka.connect.storage.SimpleHeaderConverter", Version: version, Config: config.New(),
		New: func() connect.HeaderConverter { return SimpleHeader{} },
	})
}

// both registers a converter that is a header converter too.
func both[C connect.Converter](r connect.Registrar, class string, def *config.Def, newConverter func() C) {
	r.Converter(connect.ConverterPlugin{Class: class, Version: version, Config: def, New: func() connect.Converter { return newConverter() }})
	r.HeaderConverter(connect.HeaderConverterPlugin{
		Class: class, Version: version, Config: def,
		New: func() connect.HeaderConverter { return asHeader{newConverter()} },
	})
}

// asHeader uses a converter for header values.
type asHeader struct{ connect.Converter }

// Configure configures the converter for header values.
func (h asHeader) Configure(props map[string]string) error {
	return h.Converter.Configure(props, false)
}

// FromHeader gives the bytes of a header value.
func (h asHeader) FromHeader(topic, _ string, schema *connect.Schema, value any) ([]byte, error) {
	return h.FromData(topic, schema, value)
}

// ToHeader reads a header value.
func (h asHeader) ToHeader(topic, _ string, data []byte) (*connect.Schema, any, error) {
	return h.ToData(topic, data)
}

// PassThrough tells whether byte slices and nulls pass unchanged.
func (h asHeader) PassThrough() bool {
	p, ok := h.Converter.(interface{ PassThrough() bool })
	return ok && p.PassThrough()
}

// typed declares the property that every converter of Kafka has; workers set it themselves.
func typed(more ...config.Key) *config.Def {
	return config.New(append([]config.Key{{
		Name: "converter.type", Importance: config.Low, Validator: config.OneOf("key", "value", "header"),
		Doc: "What is converted: `key`, `value` or `header`. The worker sets it.",
	}}, more...)...)
}

// withType adds what the definition requires and the worker knows.
func withType(props map[string]string, isKey bool) map[string]string {
	out := make(map[string]string, len(props)+1)
	for k, v := range props {
		out[k] = v
	}
	out["converter.type"] = "value"
	if isKey {
		out["converter.type"] = "key"
	}
	return out
}

var javaTypes = map[connect.Kind]string{
	connect.Int8: "INT8", connect.Int16: "INT16", connect.Int32: "INT32", connect.Int64: "INT64", connect.Float32: "FLOAT32",
	connect.Float64: "FLOAT64", connect.Boolean: "BOOLEAN", connect.String: "STRING", connect.Bytes: "BYTES", connect.Array: "ARRAY",
	connect.Map: "MAP", connect.StructKind: "STRUCT",
}

// javaError makes an error in the words of the Java converters, which people search for.
func javaError(format string, args ...any) error { return fmt.Errorf(format, args...) }

func wrongSchema(converter string, schema *connect.Schema) error {
	return javaError("Invalid schema type for %s: %s", converter, javaTypes[schema.Kind])
}

func wrongValue(converter string, value any) error {
	return fmt.Errorf("%s is not compatible with objects of type %T", converter, value)
}
