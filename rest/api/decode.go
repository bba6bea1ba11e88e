package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

const createClass = "org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest"

// InitialStates are the values of initial_state, in upper case.
var initialStates = []string{"RUNNING", "PAUSED", "STOPPED"}

// errNoValue tells that a body is empty or null; each endpoint words it differently.
var errNoValue = errors.New("no value")

// DecodeCreateConnector reads the body of POST /connectors. Errors are *Error with status 500, as Java answers to bodies that
// it cannot read; Config is nil when it was missing or null.
func DecodeCreateConnector(body []byte) (*CreateConnectorRequest, error) {
	req := &CreateConnectorRequest{}
	err := document(body, true, func(s *scanner, t token) error { return s.createConnector(t, req) })
	if errors.Is(err, errNoValue) {
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
	err := document(body, true, func(s *scanner, t token) (err error) {
		out, err = s.stringMap(t)
		return err
	})
	if errors.Is(err, errNoValue) {
		return nil, NoConfig(name)
	}
	return out, err
}

// NoConfig is Java's answer when a map of strings is missing from a body.
func NoConfig(name string) error { return nullPointer("java.util.Map.get(Object)", name) }

// DecodeTaskConfigs reads the body of POST /connectors/{connector}/tasks. Errors are *Error with status 500.
func DecodeTaskConfigs(body []byte) ([]map[string]string, error) {
	var out []map[string]string
	err := document(body, false, func(s *scanner, t token) error {
		const want = "java.util.ArrayList<java.util.Map<java.lang.String,java.lang.String>>"
		if t.kind != '[' {
			if t.kind == '{' {
				return s.cannot(t, want)
			}
			return s.cannotConstruct(t, "java.util.ArrayList")
		}
		return s.array(func(i int) error {
			t, err := s.value()
			if err != nil {
				return err
			}
			return s.at(fmt.Sprintf("java.util.ArrayList[%d]", i), func() error {
				cfg, err := s.stringMap(t)
				values, _ := cfg.Values()
				out = append(out, values)
				return err
			})
		})
	})
	if errors.Is(err, errNoValue) {
		msg := "No content to map due to end-of-input\n at " + redacted + "line: 1]"
		return nil, &Error{Status: http.StatusInternalServerError, Message: msg}
	}
	if err != nil {
		return nil, err
	}
	return nonNil(out), nil
}

// document reads one value that is the whole body. With strict set, what follows must be white space.
func document(body []byte, strict bool, read func(*scanner, token) error) error {
	s := newScanner(body)
	if _, ok := s.skipSpace(); !ok {
		return errNoValue
	}
	t, err := s.value()
	if err != nil {
		return err
	}
	if t.kind == 'n' {
		return errNoValue
	}
	if err := read(s, t); err != nil || !strict {
		return err
	}
	if _, ok := s.skipSpace(); ok {
		at := s.pos
		if t, err = s.value(); err != nil {
			return err
		}
		return s.fail(at, "Trailing token (of type %s) found after value: not allowed", t.name())
	}
	return nil
}

// name is the token as Java's parser calls it.
func (t token) name() string {
	return map[kind]string{
		'{': "JsonToken.START_OBJECT", '[': "JsonToken.START_ARRAY", 's': "JsonToken.VALUE_STRING",
		'i': "JsonToken.VALUE_NUMBER_INT", 'd': "JsonToken.VALUE_NUMBER_FLOAT", 'b': "JsonToken.VALUE_TRUE", 'n': "JsonToken.VALUE_NULL",
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
	unknown := ""
	err := s.object(func(name string) error {
		known := true
		err := s.at(fmt.Sprintf("%s[%q]", createClass, name), func() (err error) {
			known, err = s.createField(name, req)
			return err
		})
		if !known && unknown == "" {
			unknown = name
		}
		return err
	})
	if err != nil || unknown == "" {
		return err
	}
	return s.at(fmt.Sprintf("%s[%q]", createClass, unknown), func() error {
		return s.fail(s.pos, "Unrecognized field %q (class %s), not marked as ignorable (3 known properties: \"config\", \"name\", \"initial_state\")",
			unknown, createClass)
	})
}

// createField reads one member of a CreateConnectorRequest and tells whether there is such a one.
func (s *scanner) createField(name string, req *CreateConnectorRequest) (known bool, err error) {
	t, err := s.value()
	if err != nil {
		return true, err
	}
	switch name {
	case "name":
		text, err := s.text(t)
		req.Name = ""
		if text != nil {
			req.Name = *text
		}
		return true, err
	case "config":
		req.Config, err = s.stringMap(t)
		return true, err
	case "initial_state":
		req.InitialState, err = s.initialState(t)
		return true, err
	default:
		return false, s.skip(t)
	}
}

func (s *scanner) initialState(t token) (string, error) {
	text, err := s.text(t)
	if err != nil || text == nil {
		return "", err
	}
	state := strings.ToUpper(*text)
	for _, known := range initialStates {
		if state == known {
			return state, nil
		}
	}
	return "", s.fail(t.start, "Cannot construct instance of `%[1]s$InitialState`, problem: No enum constant %[1]s.InitialState.%[2]s", createClass, state)
}

// nullPointer is the 500 that Java gives for a body that is empty or null.
func nullPointer(method, variable string) error {
	return &Error{
		Status:  http.StatusInternalServerError,
		Message: fmt.Sprintf("Cannot invoke %q because %q is null", method, variable),
	}
}

// DecodePatch reads the body of PATCH /connectors/{connector}/config: null removes a key. Errors are *Error with status 500.
func DecodePatch(body []byte) (Config, error) {
	var out Config
	err := document(body, true, func(s *scanner, t token) (err error) {
		out, err = s.stringMap(t)
		return err
	})
	if errors.Is(err, errNoValue) {
		return nil, nullPointer("java.util.Map.forEach(java.util.function.BiConsumer)", "patch")
	}
	return out, err
}
