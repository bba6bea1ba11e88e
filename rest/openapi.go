package rest

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/connectd/connectd/rest/api"
	"github.com/go-chi/chi/v5"
)

// openAPIPath is where the worker describes its own API. A Java worker has nothing there.
const openAPIPath = "/openapi.json"

// object is a JSON object of the OpenAPI document.
type object = map[string]any

// operation says of a route what the router does not know.
type operation struct {
	id, tag, summary, description string
	query                         []queryParameter
	// body is a value of the type that the request's body has, nil for none.
	body any
	// answers are the successes: by status, a value of the type of the body, nil for none.
	answers map[int]any
	// media is the type of answers that are text, empty for JSON.
	media string
	// failures are the statuses with an ErrorBody that are worth a word.
	failures map[int]string
	// location tells that 201 comes with a Location.
	location bool
}

type queryParameter struct {
	name, doc string
	// kind is "boolean" or "string".
	kind string
	enum []string
	// many allows the parameter several times.
	many bool
}

// openAPI describes what a router serves, in OpenAPI 3.0. Paths and methods come from the router itself; a route without an
// operation is described by these alone.
func (s *Server) openAPI(router chi.Routes) ([]byte, error) {
	schemas := newSchemas()
	paths := object{}
	err := chi.Walk(router, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method == http.MethodHead || method == http.MethodOptions {
			return nil // every path has OPTIONS, every GET a HEAD
		}
		path := servedPath(pattern)
		item, _ := paths[path].(object)
		if item == nil {
			item = object{}
			if parameters := pathParameters(path); len(parameters) > 0 {
				item["parameters"] = parameters
			}
			paths[path] = item
		}
		item[strings.ToLower(method)] = s.describe(operations[method+" "+path], schemas)
		return nil
	})
	if err != nil {
		return nil, err
	}
	components := object{"schemas": schemas.defined, "responses": object{"Failure": object{
		"description": "What went wrong, in the words of Kafka Connect.",
		"content":     jsonContent(schemas.of(api.ErrorBody{})),
	}}}
	document := object{
		"openapi": "3.0.3",
		"info": object{
			"title":       "Kafka Connect REST API",
			"description": "The REST API of a Kafka Connect worker, as connectd serves it. It is that of Apache Kafka " + kafkaRelease + ".",
			"version":     s.cfg.Version,
		},
		"servers":    []any{object{"url": "/"}},
		"paths":      paths,
		"components": components,
	}
	if s.cfg.BasicAuth != nil {
		components["securitySchemes"] = object{"basic": object{"type": "http", "scheme": "basic"}}
		document["security"] = []any{object{"basic": []any{}}}
	}
	return api.Marshal(document)
}

// kafkaRelease is the release that the document names.
const kafkaRelease = "4.3"

// servedPath turns a pattern of mounted routers into the path that clients use.
func servedPath(pattern string) string {
	path := strings.ReplaceAll(pattern, "/*/", "/")
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	return path
}

// pathParameters are the names in braces.
func pathParameters(path string) (out []any) {
	for segment := range strings.SplitSeq(path, "/") {
		name, is := strings.CutPrefix(segment, "{")
		if !is {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		schema := object{"type": "string"}
		if name == "task" {
			schema = object{"type": "integer", "format": "int32"}
		}
		out = append(out, object{"name": name, "in": "path", "required": true, "schema": schema})
	}
	return out
}

func (s *Server) describe(op operation, schemas *schemas) object {
	out := object{"responses": op.responses(schemas)}
	for key, text := range map[string]string{"operationId": op.id, "summary": op.summary, "description": op.description} {
		if text != "" {
			out[key] = text
		}
	}
	if op.tag != "" {
		out["tags"] = []any{op.tag}
	}
	if op.tag == internalTag && s.cfg.BasicAuth != nil {
		out["security"] = []any{}
	}
	if op.body != nil {
		out["requestBody"] = object{"required": true, "content": jsonContent(schemas.of(op.body))}
	}
	var parameters []any
	for _, p := range op.query {
		parameters = append(parameters, p.describe())
	}
	if op.tag == internalTag {
		for _, name := range []string{api.SignatureHeader, api.AlgorithmHeader} {
			parameters = append(parameters, object{"name": name, "in": "header", "schema": object{"type": "string"}})
		}
	}
	if parameters != nil {
		out["parameters"] = parameters
	}
	return out
}

func (op operation) responses(schemas *schemas) object {
	out := object{"default": object{"$ref": "#/components/responses/Failure"}}
	for status, body := range op.answers {
		answer := object{"description": http.StatusText(status)}
		if body != nil {
			answer["content"] = jsonContent(schemas.of(body))
		}
		if op.media != "" {
			answer["content"] = object{op.media: object{"schema": object{"type": "string"}}}
		}
		if op.location && status == http.StatusCreated {
			answer["headers"] = object{"Location": object{"schema": object{"type": "string", "format": "uri"}}}
		}
		out[strconv.Itoa(status)] = answer
	}
	for _, status := range slices.Sorted(maps.Keys(op.failures)) {
		out[strconv.Itoa(status)] = object{
			"description": op.failures[status],
			"content":     jsonContent(schemas.of(api.ErrorBody{})),
		}
	}
	return out
}

func (p queryParameter) describe() object {
	schema := object{"type": p.kind}
	if len(p.enum) > 0 {
		schema["enum"] = p.enum
	}
	if p.many {
		schema = object{"type": "array", "items": schema}
	}
	return object{"name": p.name, "in": "query", "description": p.doc, "schema": schema}
}

func jsonContent(schema object) object {
	return object{jsonMediaType: object{"schema": schema}}
}
