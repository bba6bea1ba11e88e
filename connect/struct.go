package connect

import "fmt"

// Struct holds the values of a struct schema's fields.
type Struct struct {
	schema *Schema
	values []any // by field; nil where nothing was put
}

// NewStruct makes an empty Struct. With a schema that is not of StructKind every Put fails.
func NewStruct(schema *Schema) *Struct {
	s := &Struct{schema: schema}
	if schema != nil {
		s.values = make([]any, len(schema.Fields))
	}
	return s
}

// Schema gives the schema with which the Struct was made.
func (s *Struct) Schema() *Schema {
	if s == nil {
		return nil
	}
	return s.schema
}

func (s *Struct) index(name string) int {
	if s == nil || s.schema == nil {
		return -1
	}
	for i := range s.schema.Fields {
		if s.schema.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// Put sets a field. It fails for an unknown field and for a value that the field's schema does not allow.
func (s *Struct) Put(name string, value any) error {
	i := s.index(name)
	if i < 0 {
		return fmt.Errorf("%s is not a valid field name", name)
	}
	if err := validate(name, s.schema.Fields[i].Schema, value); err != nil {
		return err
	}
	s.values[i] = value
	return nil
}

// Get gives a field's value, or its default where none was put; nil for an unknown field.
func (s *Struct) Get(name string) any {
	i := s.index(name)
	if i < 0 {
		return nil
	}
	if v := s.values[i]; v != nil || s.schema.Fields[i].Schema == nil {
		return v
	}
	return s.schema.Fields[i].Schema.Default
}

// GetWithoutDefault gives what was put, nil for nothing and for an unknown field.
func (s *Struct) GetWithoutDefault(name string) any {
	if i := s.index(name); i >= 0 {
		return s.values[i]
	}
	return nil
}

// Validate checks that every field without a value is optional or has a default.
func (s *Struct) Validate() error {
	if s.Schema() == nil || s.schema.Kind != StructKind {
		return fmt.Errorf("a struct needs a schema of type struct")
	}
	for i, f := range s.schema.Fields {
		v := s.values[i]
		if v == nil && f.Schema != nil && (f.Schema.Optional || f.Schema.Default != nil) {
			continue
		}
		if err := validate(f.Name, f.Schema, v); err != nil {
			return err
		}
	}
	return nil
}

// Equal compares schemas and the values that were put.
func (s *Struct) Equal(o *Struct) bool {
	if s == nil || o == nil {
		return s == o
	}
	if !s.schema.Equal(o.schema) {
		return false
	}
	for i := range s.values {
		if !EqualValues(s.values[i], o.values[i]) {
			return false
		}
	}
	return true
}
