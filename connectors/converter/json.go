package converter

import (
	"errors"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/jackson"
)

// JSON writes and reads JSON, with or without an envelope that holds the schema.
type JSON struct {
	schemas, numericDecimals, replaceNull bool
	fixed                                 *connect.Schema // schema.content: of everything that is read, which has no envelope then
	cacheSize                             int
	written                               map[*connect.Schema][]byte
	read                                  map[string]*connect.Schema
}

func jsonConfig() *config.Def {
	return typed(
		config.Key{
			Name: "schemas.enable", Type: config.TypeBoolean, Default: true, Importance: config.High, Group: "Schemas", OrderInGroup: 0,
			Width: config.WidthMedium, DisplayName: "Enable Schemas", Doc: "Whether keys and values carry their schema: `{\"schema\": …, \"payload\": …}`.",
		},
		config.Key{
			Name: "schemas.cache.size", Type: config.TypeInt, Default: int32(1000), Importance: config.High, Group: "Schemas", OrderInGroup: 1,
			Width: config.WidthMedium, DisplayName: "Schema Cache Size",
			Doc: "How many schemas are remembered, so that they need not be read or written again.",
		},
		config.Key{
			Name: "schema.content", HasDefault: true, Importance: config.High, Group: "Schemas", OrderInGroup: 2,
			Width: config.WidthMedium, DisplayName: "Schema Content",
			Doc: "A schema in JSON that holds for everything that is read, which then has no envelope. It needs `schemas.enable`, and matters to sinks only (KIP-1054).",
		},
		config.Key{
			Name: "decimal.format", Default: "BASE64", Validator: config.OneOfFold("BASE64", "NUMERIC"), Importance: config.Low,
			Group: "Serialization", OrderInGroup: 0, Width: config.WidthMedium, DisplayName: "Decimal Format",
			Doc: "How decimals are written: `BASE64`, their bytes, or `NUMERIC`, as JSON numbers. In any case.",
		},
		config.Key{
			Name: "replace.null.with.default", Type: config.TypeBoolean, Default: true, Importance: config.Low, Group: "Serialization",
			OrderInGroup: 1, Width: config.WidthMedium, DisplayName: "Replace null with default",
			Doc: "Whether a null field that has a default is written as that default.",
		},
	)
}

// Configure reads schemas.enable, schema.content, schemas.cache.size, decimal.format and replace.null.with.default.
func (c *JSON) Configure(props map[string]string, isKey bool) error {
	v, err := jsonConfig().Parse(withType(props, isKey))
	if err != nil {
		return err
	}
	*c = JSON{
		schemas: v.Bool("schemas.enable"), numericDecimals: strings.EqualFold(v.String("decimal.format"), "NUMERIC"),
		replaceNull: v.Bool("replace.null.with.default"), cacheSize: v.Int("schemas.cache.size"),
		written: map[*connect.Schema][]byte{}, read: map[string]*connect.Schema{},
	}
	if v.IsNull("schema.content") {
		return nil
	}
	node, err := jackson.Parse([]byte(v.String("schema.content")))
	switch {
	case errors.Is(err, jackson.ErrEmpty):
		return nil
	case err != nil:
		return javaError("Failed to parse schema in converter config due to serialization error: %w", err)
	}
	c.fixed, err = c.schema(node)
	return err
}

// FromData gives the JSON of a value. Only a value without schema that is nil gives nil bytes, as in Java.
func (c *JSON) FromData(_ string, schema *connect.Schema, value any) ([]byte, error) {
	if schema == nil && value == nil {
		return nil, nil
	}
	if !c.schemas {
		return c.appendValue(nil, schema, value)
	}
	js, err := c.schemaJSON(schema)
	if err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, len(js)+64), `{"schema":`...)
	b = append(append(b, js...), `,"payload":`...)
	if b, err = c.appendValue(b, schema, value); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

var errEnvelope = javaError(`JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields. If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration.`)

// ToData reads JSON.
func (c *JSON) ToData(_ string, data []byte) (*connect.Schema, any, error) {
	if data == nil {
		return nil, nil, nil
	}
	node, err := jackson.Parse(data)
	if err != nil && !errors.Is(err, jackson.ErrEmpty) {
		return nil, nil, javaError("Converting byte[] to Kafka Connect data failed due to serialization error: %w", err)
	}
	if !c.schemas {
		v, err := c.value(nil, node)
		return nil, v, err
	}
	if c.fixed != nil {
		v, err := c.value(c.fixed, node)
		if err != nil {
			return nil, nil, err
		}
		return c.fixed, v, nil
	}
	obj, ok := node.(jackson.Object)
	js, hasSchema := obj.Get("schema")
	payload, hasPayload := obj.Get("payload")
	if !ok || len(obj) != 2 || !hasSchema || !hasPayload {
		return nil, nil, errEnvelope
	}
	schema, err := c.cachedSchema(js)
	if err != nil {
		return nil, nil, err
	}
	v, err := c.value(schema, payload)
	if err != nil {
		return nil, nil, err
	}
	return schema, v, nil
}

// schemaJSON gives a schema's JSON, from the cache if the same *Schema was written before.
func (c *JSON) schemaJSON(schema *connect.Schema) ([]byte, error) {
	if schema == nil {
		return []byte("null"), nil
	}
	if b, ok := c.written[schema]; ok {
		return b, nil
	}
	b, err := c.appendSchema(nil, schema, "")
	if err != nil {
		return nil, err
	}
	if c.written != nil && c.cacheSize > 0 {
		if len(c.written) >= c.cacheSize {
			clear(c.written)
		}
		c.written[schema] = b
	}
	return b, nil
}

// cachedSchema reads a schema, from the cache if the same JSON was read before.
func (c *JSON) cachedSchema(js any) (*connect.Schema, error) {
	if js == nil {
		return nil, nil
	}
	key := string(jackson.Append(nil, js))
	if s, ok := c.read[key]; ok {
		return s, nil
	}
	s, err := c.schema(js)
	if err != nil {
		return nil, err
	}
	if c.read != nil && c.cacheSize > 0 {
		if len(c.read) >= c.cacheSize {
			clear(c.read)
		}
		c.read[key] = s
	}
	return s, nil
}
