package inspect

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// Every field of the JSON documents is named in their description.
func TestFieldsAreDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/inspecting.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	for _, part := range []struct {
		value any
		quote string
	}{{Report{}, `"`}, {Line{}, "`"}} {
		fields := map[string]bool{}
		names(reflect.TypeOf(part.value), fields)
		if len(fields) < 20 {
			t.Errorf("%T: only %d fields found", part.value, len(fields))
		}
		for name := range fields {
			if !strings.Contains(page, part.quote+name+part.quote) {
				t.Errorf("%T: field %s is not in docs/inspecting.md", part.value, name)
			}
		}
	}
}

// names gathers the names of fields, of all types below too.
func names(t reflect.Type, into map[string]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	for f := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(f).Tag.Get("json"), ",")
		if name != "" {
			into[name] = true
		}
		names(t.Field(f).Type, into)
	}
}
