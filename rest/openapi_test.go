package rest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"
)

// openAPIDocument is what a server answers, as a client reads it.
func openAPIDocument(t *testing.T, cfg Config) map[string]any {
	t.Helper()
	cfg.Herder = &fakeHerder{}
	s := newTestServer(t, cfg)
	rec := ask(s.Handler(), "GET", openAPIPath, "", "Authorization", "Basic YWRtaW46c2VjcmV0")
	if rec.Code != 200 || rec.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v", rec.Code, rec.Header())
	}
	var doc map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestOpenAPICoversRoutes: each route that the router serves is described, and nothing else is.
func TestOpenAPICoversRoutes(t *testing.T) {
	s := newTestServer(t, Config{Herder: &fakeHerder{}})
	served := map[string]bool{}
	err := chi.Walk(s.routes(), func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method != http.MethodHead && method != http.MethodOptions {
			served[method+" "+servedPath(pattern)] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(served)), slices.Sorted(maps.Keys(operations))); diff != "" {
		t.Errorf("routes (-) and their descriptions in openapi_operations.go (+):\n%s", diff)
	}
	for name, op := range operations {
		if op.id == "" || op.summary == "" || op.tag == "" || len(op.answers) == 0 {
			t.Errorf("%s lacks id, summary, tag or answers", name)
		}
	}
}

// TestOpenAPIIsSound checks what OpenAPI 3.0 asks of a document: references point to something, path parameters are declared,
// operation ids are unique, responses have descriptions, required properties exist.
func TestOpenAPIIsSound(t *testing.T) {
	doc := openAPIDocument(t, Config{})
	if doc["openapi"] != "3.0.3" || doc["security"] != nil {
		t.Errorf("openapi %v, security %v", doc["openapi"], doc["security"])
	}
	ids := map[any]bool{}
	for path, item := range doc["paths"].(object) {
		if want := strings.Count(path, "{"); want > 0 && len(item.(object)["parameters"].([]any)) != want {
			t.Errorf("%s: parameters %v", path, item.(object)["parameters"])
		}
		for method, value := range item.(object) {
			if method == "parameters" {
				continue
			}
			op := value.(object)
			if ids[op["operationId"]] {
				t.Errorf("%s %s: operation id %v twice", method, path, op["operationId"])
			}
			ids[op["operationId"]] = true
			for status, answer := range op["responses"].(object) {
				if answer.(object)["description"] == nil && answer.(object)["$ref"] == nil {
					t.Errorf("%s %s: response %s has no description", method, path, status)
				}
			}
		}
	}
	visit(doc, func(o object) {
		if reference, is := o["$ref"].(string); is {
			at := any(doc)
			for part := range strings.SplitSeq(strings.TrimPrefix(reference, "#/"), "/") {
				next, _ := at.(object)
				at = next[part]
			}
			if at == nil || len(o) > 1 {
				t.Errorf("reference %v", o)
			}
		}
		required, _ := o["required"].([]any)
		for _, name := range required {
			if o["properties"].(object)[name.(string)] == nil {
				t.Errorf("required %v is no property: %v", name, o)
			}
		}
	})
	schemas := doc["components"].(object)["schemas"].(object)
	for key := range enums {
		name, field, _ := strings.Cut(key, ".")
		schema, _ := schemas[name].(object)
		properties, _ := schema["properties"].(object)
		property, _ := properties[field].(object)
		if property["enum"] == nil {
			t.Errorf("%s has no enum: %v", key, property)
		}
	}
}

// visit calls f on every object.
func visit(v any, f func(object)) {
	switch v := v.(type) {
	case object:
		f(v)
		for _, child := range v {
			visit(child, f)
		}
	case []any:
		for _, child := range v {
			visit(child, f)
		}
	}
}

// TestOpenAPIFollowsConfig: separate admin listeners take their paths away, and basic authentication is told of, except for what
// is signed.
func TestOpenAPIFollowsConfig(t *testing.T) {
	doc := openAPIDocument(t, Config{AdminListeners: []string{}, BasicAuth: NewBasicAuth(map[string]string{"admin": "secret"})})
	paths := doc["paths"].(object)
	if paths["/admin/loggers"] != nil {
		t.Error("admin paths are described though they are switched off")
	}
	if diff := cmp.Diff([]any{object{"basic": []any{}}}, doc["security"]); diff != "" {
		t.Error(diff)
	}
	if got := paths["/connectors/{connector}/fence"].(object)["put"].(object)["security"]; !cmp.Equal([]any{}, got) {
		t.Errorf("security between workers: %v", got)
	}
}

// TestOpenAPIDescribesAnswers: real answers have exactly the fields that their schemas declare.
func TestOpenAPIDescribesAnswers(t *testing.T) {
	schemas := openAPIDocument(t, Config{})["components"].(object)["schemas"].(object)
	for name, body := range map[string]string{
		"ServerInfo":       `{"version":"4.3.1","commit":"x","kafka_cluster_id":"y"}`,
		"ConnectorInfo":    `{"name":"a","config":{"a":"b"},"tasks":[{"connector":"a","task":0}],"type":"sink"}`,
		"ConnectorStatus":  `{"name":"a","connector":{"state":"RUNNING","worker_id":"w","version":null},"tasks":[{"id":0,"state":"FAILED","worker_id":"w","version":"1","trace":"t"}],"type":"source"}`,
		"TaskInfo":         `{"id":{"connector":"a","task":0},"config":{}}`,
		"LoggerLevel":      `{"level":"INFO","last_modified":null}`,
		"ErrorBody":        `{"error_code":404,"message":"x"}`,
		"ConfigInfos":      `{"name":"c","error_count":0,"groups":[],"configs":[{"definition":null,"value":{"name":"x","value":null,"recommended_values":[],"errors":["e"],"visible":true}}]}`,
		"Expansion":        `{"info":{"name":"a","config":{},"tasks":[],"type":"sink"}}`,
		"ConnectorOffsets": `{"offsets":[{"partition":{"filename":"x"},"offset":{"position":1}},{"partition":{},"offset":null}]}`,
	} {
		var value any
		if err := json.Unmarshal([]byte(body), &value); err != nil {
			t.Fatal(err)
		}
		if problem := fits(value, object{"$ref": "#/components/schemas/" + name}, schemas); problem != "" {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

// fits checks a value by a schema of the kinds that the document uses.
func fits(value any, schema, schemas object) string {
	if reference, is := schema["$ref"].(string); is {
		name := reference[strings.LastIndexByte(reference, '/')+1:]
		schema, _ = schemas[name].(object)
	}
	if all, is := schema["allOf"].([]any); is && value != nil {
		return fits(value, all[0].(object), schemas)
	}
	if value == nil {
		if schema["nullable"] != true {
			return "null, but not nullable"
		}
		return ""
	}
	if enum, is := schema["enum"].([]any); is && !slices.Contains(enum, value) {
		return "no such value"
	}
	switch value := value.(type) {
	case object:
		properties, _ := schema["properties"].(object)
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, has := value[name.(string)]; !has {
				return name.(string) + " is missing"
			}
		}
		for name, v := range value {
			child, known := properties[name].(object)
			if !known {
				if child, known = schema["additionalProperties"].(object); !known {
					if schema["additionalProperties"] == true {
						continue
					}
					return name + " is not declared"
				}
			}
			if problem := fits(v, child, schemas); problem != "" {
				return name + ": " + problem
			}
		}
		return ""
	case []any:
		for _, v := range value {
			if problem := fits(v, schema["items"].(object), schemas); problem != "" {
				return problem
			}
		}
		return ""
	case string:
		return map[bool]string{false: "no string expected"}[schema["type"] == "string"]
	case float64:
		return map[bool]string{false: "no number expected"}[schema["type"] == "integer"]
	case bool:
		return map[bool]string{false: "no boolean expected"}[schema["type"] == "boolean"]
	}
	return "no value of JSON"
}
