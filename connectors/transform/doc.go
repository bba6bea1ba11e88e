// Package transform holds Kafka's own transformations and predicates under their Java class names, with the properties,
// results and error texts of Kafka 4.3.1.
//
// A transformation is a function that is made of parsed properties (see transform). Most work on a record's key or on its
// value: they are written once, as a change, and registered for both. Nothing here alters the maps, structs and schemas
// that a record came with; what changes is copied.
//
// It is pure: no I/O, goroutine, clock or logger. The time at which a transformation is configured is handed in, as
// two-digit years are read by it.
package transform

import (
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

const (
	version = "4.3.1" // of the Kafka release whose transformations these are
	home    = "org.apache.kafka.connect.transforms."
)

// Register hands all transformations and predicates to a registrar. now tells the time whenever one is configured.
func Register(r connect.Registrar, now func() time.Time) {
	registerChanges(r, now)
	for class, p := range map[string]plan{
		"DropHeaders":     {dropHeadersDef, dropHeaders},
		"Filter":          {config.New(), filter},
		"InsertHeader":    {insertHeaderDef, insertHeader},
		"RegexRouter":     {regexRouterDef, regexRouter},
		"TimestampRouter": {timestampRouterDef, timestampRouter(now)},
		"ValueToKey":      {valueToKeyDef, valueToKey},
	} {
		p.register(r, class)
	}
	for class, p := range predicates {
		r.Predicate(connect.PredicatePlugin{
			Class: home + "predicates." + class, Version: version, Config: p.def,
			New: func() connect.Predicate { return &predicate{plan: p} },
		})
	}
}

// registerChanges registers what works on a key or a value, once for each.
func registerChanges(r connect.Registrar, now func() time.Time) {
	for class, p := range map[string]struct {
		def   *config.Def
		build func(config.Values) (change, error)
	}{
		"Cast":               {castDef, newCast},
		"ExtractField":       {extractFieldDef, extractField},
		"Flatten":            {flattenDef, newFlatten},
		"HeaderFrom":         {headerFromDef, newHeaderFrom},
		"HoistField":         {hoistFieldDef, hoistField},
		"InsertField":        {insertFieldDef, newInsertField},
		"MaskField":          {maskFieldDef, newMaskField},
		"ReplaceField":       {replaceFieldDef, newReplaceField},
		"SetSchemaMetadata":  {setSchemaMetadataDef, setSchemaMetadata},
		"TimestampConverter": {timestampConverterDef, newTimestampConverter(now)},
	} {
		plan{p.def, on(p.build, onKey)}.register(r, class+"$Key")
		plan{p.def, on(p.build, onValue)}.register(r, class+"$Value")
	}
}

// plan is how a transformation is made of properties.
type plan struct {
	def   *config.Def
	build func(config.Values) (apply, error)
}

func (p plan) register(r connect.Registrar, class string) {
	r.Transform(connect.TransformPlugin{
		Class: home + class, Version: version, Config: p.def,
		New: func() connect.Transform { return &transform{plan: p} },
	})
}

// apply changes a record in place; false drops it.
type apply func(rec *connect.Transformable) (bool, error)

// transform is a plan on its way to being carried out.
type transform struct {
	plan
	apply apply // set by Configure
}

// Configure reads the properties.
func (t *transform) Configure(props map[string]string) error {
	v, err := t.def.Parse(props)
	if err != nil {
		return err
	}
	t.apply, err = t.build(v)
	return err
}

// Apply changes the record.
func (t *transform) Apply(rec *connect.Transformable) (bool, error) { return t.apply(rec) }

// Close has nothing to release.
func (*transform) Close() error { return nil }

// change makes new data of a record's key or value. It may look at the rest of the record, and add headers.
type change func(rec *connect.Transformable, in connect.SchemaAndValue) (connect.SchemaAndValue, error)

// on makes of a change's builder one for a part of the record.
func on(build func(config.Values) (change, error), part func(change) apply) func(config.Values) (apply, error) {
	return func(v config.Values) (apply, error) {
		c, err := build(v)
		if err != nil {
			return nil, err
		}
		return part(c), nil
	}
}

func onKey(c change) apply {
	return func(rec *connect.Transformable) (bool, error) {
		out, err := c(rec, connect.SchemaAndValue{Schema: rec.KeySchema, Value: rec.Key})
		if err != nil {
			return false, err
		}
		rec.KeySchema, rec.Key = out.Schema, out.Value
		return true, nil
	}
}

func onValue(c change) apply {
	return func(rec *connect.Transformable) (bool, error) {
		out, err := c(rec, connect.SchemaAndValue{Schema: rec.ValueSchema, Value: rec.Value})
		if err != nil {
			return false, err
		}
		rec.ValueSchema, rec.Value = out.Schema, out.Value
		return true, nil
	}
}

// filter drops every record: with a predicate, those that it selects (KIP-585).
func filter(config.Values) (apply, error) {
	return func(*connect.Transformable) (bool, error) { return false, nil }, nil
}
