package main

import (
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/connectors/transform"
)

// transformations lists what docs/transformations.md documents, in order.
func transformations() []section {
	const home = "org.apache.kafka.connect.transforms."
	defs := declared{}
	transform.Register(defs, time.Now)
	var out []section
	for _, t := range []struct{ name, sides, intro string }{
		{"Cast", "$Value", "Gives fields, or the whole key or value, another type."},
		{"DropHeaders", "", "Removes headers by name."},
		{"ExtractField", "$Value", "Puts a field of a struct or map in the place of the whole."},
		{"Filter", "", "Drops records: with a predicate, those for which it holds."},
		{"Flatten", "$Value", "Puts the fields of nested structs or maps into one. Arrays stay as they are."},
		{"HeaderFrom", "$Value", "Moves or copies fields into headers."},
		{"HoistField", "$Value", "Wraps the key or value in a struct or map of one field."},
		{"InsertField", "$Value", "Adds fields that tell where the record comes from, or a fixed text."},
		{"InsertHeader", "", "Adds a header."},
		{"MaskField", "$Value", "Hides the values of fields."},
		{"RegexRouter", "", "Renames topics by a regular expression."},
		{"ReplaceField", "$Value", "Leaves fields out, or renames them."},
		{"SetSchemaMetadata", "$Value", "Gives the schema of a struct another name or version."},
		{"TimestampConverter", "$Value", "Turns timestamps of one type into another."},
		{"TimestampRouter", "", "Names the topic after the record's time."},
		{"ValueToKey", "", "Makes a new key of fields of the value."},
		{"predicates.HasHeaderKey", "", "A predicate: the record has a header of a name."},
		{"predicates.RecordIsTombstone", "", "A predicate: the record's value is null."},
		{"predicates.TopicNameMatches", "", "A predicate: the name of the record's topic matches a regular expression."},
	} {
		classes := " Class `" + home + t.name + "`."
		if t.sides != "" {
			classes = " Classes `" + home + t.name + "$Key` and `" + home + t.name + "$Value`."
		}
		out = append(out, section{title: simple(t.name), intro: t.intro + classes, def: defs[home+t.name+t.sides]})
	}
	return out
}

func simple(class string) string { return class[strings.LastIndexByte(class, '.')+1:] }

// declared collects the declarations of plugins by class.
type declared map[string]*config.Def

func (declared) Connector(connect.ConnectorPlugin)             {}
func (declared) Converter(connect.ConverterPlugin)             {}
func (declared) HeaderConverter(connect.HeaderConverterPlugin) {}
func (d declared) Transform(p connect.TransformPlugin)         { d[p.Class] = p.Config }
func (d declared) Predicate(p connect.PredicatePlugin)         { d[p.Class] = p.Config }
