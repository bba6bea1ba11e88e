package rest

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/rest/api"
)

// schemas turns Go types into JSON schemas, each struct once, under its name.
type schemas struct {
	defined object
}

func newSchemas() *schemas { return &schemas{defined: object{}} }

// of is the schema of a value's type.
func (s *schemas) of(v any) object {
	if choice, is := v.(oneOf); is {
		var all []any
		for _, one := range choice {
			all = append(all, s.of(one))
		}
		return object{"oneOf": all}
	}
	return s.schema(reflect.TypeOf(v))
}

// oneOf is a body that has one of several types.
type oneOf []any

// free is any JSON object: plugins decide what it holds.
type free map[string]any

func (s *schemas) schema(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[api.Version]():
		return object{"type": "string", "nullable": true}
	case reflect.TypeFor[api.Config]():
		return object{
			"type": "object", "additionalProperties": object{"type": "string", "nullable": true},
			"description": "Keys and values. Values that are numbers or booleans are taken as their text.",
		}
	case reflect.TypeFor[free]():
		return object{"type": "object", "additionalProperties": true, "nullable": true}
	}
	switch t.Kind() {
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		return object{"type": "number", "format": "double"}
	case reflect.Int, reflect.Int32:
		return object{"type": "integer", "format": "int32"}
	case reflect.Int64:
		return object{"type": "integer", "format": "int64"}
	case reflect.Slice:
		return object{"type": "array", "items": s.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.schema(t.Elem())}
	case reflect.Pointer:
		return s.schema(t.Elem())
	case reflect.Struct:
		return s.reference(t)
	default:
		// Types are listed in this package: a test walks them all.
		panic(fmt.Sprintf("rest: no JSON schema for %v", t))
	}
}

// reference defines a struct and points to it.
func (s *schemas) reference(t reflect.Type) object {
	name := schemaName(t)
	reference := object{"$ref": "#/components/schemas/" + name}
	if s.defined[name] != nil {
		return reference
	}
	definition := object{"type": "object"}
	s.defined[name] = definition
	properties := object{}
	required := []string{}
	for i := range t.NumField() {
		field := t.Field(i)
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		optional := strings.Contains(options, "omit")
		schema := s.schema(field.Type)
		if field.Type.Kind() == reflect.Pointer && !optional {
			schema = nullable(schema)
		}
		if values := enums[name+"."+tag]; values != nil {
			schema["enum"] = values
		}
		properties[tag] = schema
		if !optional {
			required = append(required, tag)
		}
	}
	definition["properties"] = properties
	if len(required) > 0 {
		definition["required"] = required
	}
	return reference
}

// nullable lets a value be null. A reference takes no other keys beside it.
func nullable(schema object) object {
	if schema["$ref"] != nil {
		return object{"allOf": []any{schema}, "nullable": true}
	}
	schema["nullable"] = true
	return schema
}

// schemaName is the type's name; types that are only there to be described end in Doc.
func schemaName(t reflect.Type) string {
	name := strings.TrimSuffix(t.Name(), "Doc")
	return strings.ToUpper(name[:1]) + name[1:]
}

// Types whose JSON is not what their fields say.
type (
	expansionDoc struct {
		Status *api.ConnectorStatus `json:"status,omitempty"`
		Info   *api.ConnectorInfo   `json:"info,omitempty"`
	}
	createConnectorDoc struct {
		Name         string     `json:"name"`
		Config       api.Config `json:"config"`
		InitialState string     `json:"initial_state,omitempty"`
	}
	connectorOffsetDoc struct {
		Partition free `json:"partition"`
		Offset    free `json:"offset"`
	}
	connectorOffsetsDoc struct {
		Offsets []connectorOffsetDoc `json:"offsets"`
	}
	messageDoc struct {
		Message string `json:"message"`
	}
	setLevelDoc struct {
		Level string `json:"level"`
	}
)

var (
	connectorTypes = []string{api.TypeSource, api.TypeSink, api.TypeUnknown}
	taskStates     = []string{"UNASSIGNED", "RUNNING", "PAUSED", "FAILED", "RESTARTING"}
)

// enums are the closed sets of values, by schema and field.
var enums = map[string][]string{
	"ConnectorInfo.type":   connectorTypes,
	"ConnectorStatus.type": connectorTypes,
	"ConnectorState.state": append([]string{"STOPPED"}, taskStates...),
	"TaskStatus.state":     taskStates,
	"TaskProgress.state":   taskStates,
	"PartitionProgress.state": {
		connect.ProgressCopying, connect.ProgressWaiting, connect.ProgressThrottled, api.ProgressUnavailable,
	},
	"HealthStatus.status":           {api.Healthy, api.Starting, api.Unhealthy},
	"CreateConnector.initial_state": {"RUNNING", "PAUSED", "STOPPED"},
	"SetLevel.level":                logLevels,
	"PluginInfo.type":               {"source", "sink", "converter", "header_converter", "transformation", "predicate"},
	"ConfigKeyInfo.type":            {"BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"},
	"ConfigKeyInfo.importance":      {"HIGH", "MEDIUM", "LOW"},
	"ConfigKeyInfo.width":           {"NONE", "SHORT", "MEDIUM", "LONG"},
}
