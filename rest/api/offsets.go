package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/connectd/connectd/internal/jackson"
)

// ConnectorOffset is one partition of a connector with its offset (KIP-875): a source partition, or a topic partition of a
// sink. Values are as jackson.Parse returns them. Nil is null, or left out.
type ConnectorOffset struct {
	Partition, Offset jackson.Object
}

// MarshalJSON writes both fields, in the order of Java.
func (o ConnectorOffset) MarshalJSON() ([]byte, error) {
	b := appendObject([]byte(`{"partition":`), o.Partition)
	b = appendObject(append(b, `,"offset":`...), o.Offset)
	return append(b, '}'), nil
}

func appendObject(b []byte, o jackson.Object) []byte {
	if o == nil {
		return append(b, "null"...)
	}
	return jackson.Append(b, o)
}

// ConnectorOffsets is the answer to GET /connectors/{connector}/offsets, and the body of PATCH.
type ConnectorOffsets struct {
	Offsets []ConnectorOffset `json:"offsets"`
}

// MarshalJSON writes an empty list where it is nil.
func (c ConnectorOffsets) MarshalJSON() ([]byte, error) {
	type plain ConnectorOffsets
	c.Offsets = nonNil(c.Offsets)
	return Marshal(plain(c))
}

// Message is the answer to what changes offsets.
type Message struct {
	Message string `json:"message"`
}

const (
	offsetsClass = "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffsets"
	offsetClass  = "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffset"
)

// DecodeOffsets reads the body of PATCH /connectors/{connector}/offsets, at least one offset. Errors are *Error: 400 when
// there is none, and 500, as Java answers, to a body that cannot be read.
func DecodeOffsets(body []byte) ([]ConnectorOffset, error) {
	var list []*ConnectorOffset
	err := document(body, offsetsClass, func(s *scanner, t token) (err error) {
		list, err = s.offsets(t)
		return err
	})
	if errors.Is(err, errEmpty) {
		return nil, nullPointer(offsetsClass+".offsets()", "offsets")
	}
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, badRequest("Partitions / offsets need to be provided for an alter offsets request")
	}
	out := make([]ConnectorOffset, len(list))
	for i, o := range list {
		if o == nil {
			return nil, nullPointer(offsetClass+".partition()", "offset")
		}
		out[i] = *o
	}
	return out, nil
}

func (s *scanner) offsets(t token) (list []*ConnectorOffset, err error) {
	err = s.bean(t, offsetsClass, []string{"offsets"}, "one known property: \"offsets\"", func(_ string, t token) error {
		list = nil
		switch t.kind {
		case 'n':
			return nil
		case '[':
		default:
			return s.cannot(t, "java.util.ArrayList<"+offsetClass+">")
		}
		return s.arrayList(func(t token) error {
			o, err := s.offset(t)
			list = append(list, o)
			return err
		})
	})
	return list, err
}

// offset reads an element of the list; null is nil.
func (s *scanner) offset(t token) (*ConnectorOffset, error) {
	if t.kind == 'n' {
		return nil, nil
	}
	o := &ConnectorOffset{}
	return o, s.bean(t, offsetClass, []string{"partition", "offset"}, "2 known properties: \"partition\", \"offset\"", func(name string, t token) (err error) {
		if name == "partition" {
			o.Partition, err = s.anyMap(t)
		} else {
			o.Offset, err = s.anyMap(t)
		}
		return err
	})
}

// bean reads an object that Java makes by a constructor from the known fields. Each is read by field, which gets its name and
// the token that its value starts with. What is unknown is complained about at once where the object could be made already,
// and otherwise at its end.
func (s *scanner) bean(t token, class string, known []string, properties string, field func(name string, t token) error) error {
	switch t.kind {
	case '[':
		return s.cannot(t, class)
	case '{':
	default:
		return s.cannotConstruct(t, class)
	}
	link := func(name string) string { return class + `["` + name + `"]` }
	unrecognized := func(name string, at int) error {
		return s.at(link(name), func() error {
			return s.fail(at, "Unrecognized field \"%s\" (class %s), not marked as ignorable (%s)", name, class, properties)
		})
	}
	seen := map[string]bool{}
	var unknown *string
	err := s.object(func(name string) error {
		made := len(seen) == len(known)
		isKnown := slices.Contains(known, name)
		if !isKnown && !made {
			unknown = cmp.Or(unknown, &name)
			return s.skipValue()
		}
		t, err := s.value()
		if err != nil {
			return err
		}
		if made && (unknown != nil || !isKnown) {
			at := s.pos
			if t.kind == 's' {
				at = t.start + 1 // Java reads strings when they are asked for
			}
			return unrecognized(*cmp.Or(unknown, &name), at)
		}
		return s.at(link(name), func() error {
			if err := field(name, t); err != nil {
				return err
			}
			seen[name] = true
			if made {
				return s.setAgain(name)
			}
			return nil
		})
	})
	if err == nil && unknown != nil {
		return unrecognized(*unknown, s.pos)
	}
	return err
}

// setAgain is Java's complaint about a field that comes again when the object is made already.
func (s *scanner) setAgain(name string) error {
	return &Error{
		Status: http.StatusInternalServerError,
		Message: fmt.Sprintf("Should never call `set()` on setterless property ('%s') (through reference chain: %s)",
			name, strings.Join(s.chain, "->")),
	}
}

// anyMap takes a token where Java wants a map of anything; null is nil.
func (s *scanner) anyMap(t token) (jackson.Object, error) {
	switch t.kind {
	case 'n':
		return nil, nil
	case '{':
		return s.anyObject()
	case 's':
		return nil, s.cannotBeMap(t)
	}
	return nil, s.cannot(t, "java.util.LinkedHashMap<java.lang.String,java.lang.Object>")
}

// anyObject reads the members of an object. Of a repeated name the last value counts, at the place of the first.
func (s *scanner) anyObject() (jackson.Object, error) {
	out := jackson.Object{}
	at := map[string]int{}
	err := s.object(func(name string) error {
		t, err := s.value()
		if err != nil {
			return err
		}
		v, err := s.anyValue(t)
		if i, again := at[name]; again {
			out[i].Value = v
			return err
		}
		at[name] = len(out)
		out = append(out, jackson.Member{Key: name, Value: v})
		return err
	})
	return out, err
}

// anyValue reads what a token starts.
func (s *scanner) anyValue(t token) (any, error) {
	switch t.kind {
	case '{':
		return s.anyObject()
	case '[':
		out := []any{}
		err := s.array(func(int) error {
			t, err := s.value()
			if err != nil {
				return err
			}
			v, err := s.anyValue(t)
			out = append(out, v)
			return err
		})
		return out, err
	case 's':
		return t.text, nil
	case 'i', 'd':
		return jackson.Number(t.text), nil
	case 'b':
		return t.text == "true", nil
	}
	return nil, nil
}
