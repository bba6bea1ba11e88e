package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

const createClass = "org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest"

// initialStates are the values of initial_state, in upper case.
var initialStates = []string{"RUNNING", "PAUSED", "STOPPED"}

// errEmpty and errNull tell that a body has nothing, or null, in it; each endpoint words it differently.
var (
	errEmpty = errors.New("empty body")
	errNull  = fmt.Errorf("%w: null", errEmpty)
)

// DecodeCreateConnector reads the body of POST /connectors. Errors are *Error with status 500, as Java answers to bodies that
// it cannot read; Config is nil when it was missing or null.
func DecodeCreateConnector(body []byte) (*CreateConnectorRequest, error) {
	req := &CreateConnectorRequest{}
	err := document(body, createClass, func(s *scanner, t token) error { return s.createConnector(t, req) })
	if errors.Is(err, errEmpty) {
		return nil, nullPointer(createClass+".name()", "createRequest")
	}
	if err != nil {
		return nil, err
	}
	return req, nil
}

// DecodeConfig reads a body that is a map of strings: a config, a patch of one, or a logger's level. Errors are *Error
// with status 500; name is what Java calls the map in its message about an empty body.
func DecodeConfig(body []byte, name string) (Config, error) {
	var out Config
	err := document(body, "java.util.Map", func(s *scanner, t token) (err error) {
		out, err = s.stringMap(t)
		return err
	})
	if errors.Is(err, errEmpty) {
		return nil, NoConfig(name)
	}
	return out, err
}

// NoConfig is Java's answer when a map of strings is missing from a body.
func NoConfig(name string) error { return nullPointer("java.util.Map.get(Object)", name) }

// DecodeTaskConfigs reads the body of POST /connectors/{connector}/tasks, nil for null. Errors are *Error with status 500.
func DecodeTaskConfigs(body []byte) ([]map[string]string, error) {
	var out []map[string]string
	err := document(body, "", func(s *scanner, t token) error {
		const want = "java.util.ArrayList<java.util.Map<java.lang.String,java.lang.String>>"
		if t.kind != '[' {
			return s.cannot(t, want)
		}
		return s.arrayList(func(t token) error {
			cfg, err := s.stringMap(t)
			values, _ := cfg.Values()
			out = append(out, values)
			return err
		})
	})
	if errors.Is(err, errNull) {
		return nil, nil
	}
	if errors.Is(err, errEmpty) {
		msg := "No content to map due to end-of-input\n at " + redacted + "line: 1]"
		return nil, &Error{Status: http.StatusInternalServerError, Message: msg}
	}
	if err != nil {
		return nil, err
	}
	return nonNil(out), nil
}

// document reads one value that is the whole body. With a bound class, only white space may follow.
func document(body []byte, bound string, read func(*scanner, token) error) error {
	s := newScanner(body)
	if _, ok := s.skipSpace(); !ok {
		return errEmpty
	}
	t, err := s.value()
	if err != nil {
		return err
	}
	if t.kind == 'n' {
		return errNull
	}
	if err := read(s, t); err != nil || bound == "" {
		return err
	}
	if _, ok := s.skipSpace(); ok {
		at := s.pos
		if t, err = s.value(); err != nil {
			return err
		}
		return s.fail(at, "Trailing token (of type %s) found after value (bound as `%s`): not allowed as per `DeserializationFeature.FAIL_ON_TRAILING_TOKENS`",
			t.name(), bound)
	}
	return nil
}

// name is the token as Java's parser calls it.
func (t token) name() string {
	if t.text == "false" && t.kind == 'b' {
		return "VALUE_FALSE"
	}
	return map[kind]string{
		'{': "START_OBJECT", '[': "START_ARRAY", 's': "VALUE_STRING",
		'i': "VALUE_NUMBER_INT", 'd': "VALUE_NUMBER_FLOAT", 'b': "VALUE_TRUE", 'n': "VALUE_NULL",
	}[t.kind]
}

func (s *scanner) createConnector(t token, req *CreateConnectorRequest) error {
	switch t.kind {
	case '[':
		return s.cannot(t, createClass)
	case '{':
	default:
		return s.cannotConstruct(t, createClass)
	}
	var unknown *string
	err := s.object(func(name string) error {
		if !slices.Contains([]string{"name", "config", "initial_state"}, name) {
			unknown = cmp.Or(unknown, &name)
			return s.skipValue()
		}
		return s.at(createClass+`["`+name+`"]`, func() error { return s.createField(name, req) })
	})
	if err != nil || unknown == nil {
		return err
	}
	return s.at(createClass+`["`+*unknown+`"]`, func() error {
		return s.fail(s.pos, "Unrecognized field \"%s\" (class %s), not marked as ignorable (3 known properties: \"config\", \"name\", \"initial_state\")",
			*unknown, createClass)
	})
}

// createField reads one member of a CreateConnectorRequest.
func (s *scanner) createField(name string, req *CreateConnectorRequest) error {
	t, err := s.value()
	if err != nil {
		return err
	}
	switch name {
	case "name":
		text, err := s.text(t)
		req.Name = ""
		if text != nil {
			req.Name = *text
		}
		return err
	case "config":
		req.Config, err = s.stringMap(t)
	default:
		req.InitialState, err = s.initialState(t)
	}
	return err
}

func (s *scanner) initialState(t token) (string, error) {
	const class = createClass + "$InitialState"
	switch t.kind {
	case '{':
		return "", s.cannot(t, class)
	case '[':
		return "", s.fail(t.start, "Input mismatch reading Enum `%[1]s`: properties-based `@JsonCreator` "+
			"([method %[1]s#forValue(java.lang.String)]) expects String Value, got Array value (`JsonToken.START_ARRAY`)", class)
	case 'n':
		return "", nil
	}
	state := strings.ToUpper(t.text)
	if slices.Contains(initialStates, state) {
		return state, nil
	}
	return "", s.fail(t.start, "Cannot construct instance of `%s`, problem: No enum constant %s.InitialState.%s", class, createClass, state)
}

// nullPointer is the 500 that Java gives for a body that is empty or null.
func nullPointer(method, variable string) error {
	return &Error{
		Status:  http.StatusInternalServerError,
		Message: fmt.Sprintf("Cannot invoke %q because %q is null", method, variable),
	}
}

// ErrNoPatch is what DecodePatch says of a body that is empty or null.
var ErrNoPatch = nullPointer("java.util.Map.forEach(java.util.function.BiConsumer)", "patch")

// DecodePatch reads the body of PATCH /connectors/{connector}/config: null removes a key. Errors are *Error with status 500.
func DecodePatch(body []byte) (Config, error) {
	var out Config
	err := document(body, "java.util.Map", func(s *scanner, t token) (err error) {
		out, err = s.stringMap(t)
		return err
	})
	if errors.Is(err, errEmpty) {
		return nil, ErrNoPatch
	}
	return out, err
}
