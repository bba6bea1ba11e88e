package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// recordings is where Java's answers lie: a file for each list, and in it a JSON value for each answer.
const recordings = "testdata/conformance"

func recording(list string) string { return filepath.Join(recordings, list+".json") }

func writeAnswers(list string, answers []*recorded) error {
	if err := os.MkdirAll(recordings, 0o755); err != nil {
		return err
	}
	data, err := renderAll(answers)
	if err != nil {
		return err
	}
	return os.WriteFile(recording(list), data, 0o644)
}

func renderAll(answers []*recorded) ([]byte, error) {
	var out bytes.Buffer
	for _, a := range answers {
		text, err := a.render()
		if err != nil {
			return nil, err
		}
		out.Write(append(text, '\n'))
	}
	return out.Bytes(), nil
}

// render is the answer as it is recorded.
func (a *recorded) render() ([]byte, error) {
	data, err := encode(a)
	if err != nil {
		return nil, err
	}
	var v map[string]any
	if err := decode(data, &v); err != nil {
		return nil, err
	}
	return spread(v, "")
}

func readAnswers(list string) (out []*recorded, err error) {
	data, err := os.ReadFile(recording(list))
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	for {
		var a recorded
		switch err := dec.Decode(&a); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, err
		}
		out = append(out, &a)
	}
}

// encode writes JSON of which people can read the texts.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

func decode(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(v)
}

// longLine is from where on a value is written with a line for each of its members, so that a change touches few lines.
const longLine = 600

func spread(v any, indent string) ([]byte, error) {
	var members [][]byte
	begin, end := "[", "]"
	switch v := v.(type) {
	case map[string]any:
		begin, end = "{", "}"
		for _, k := range slices.Sorted(maps.Keys(v)) {
			name, err := encode(k)
			if err != nil {
				return nil, err
			}
			member, err := spread(v[k], indent+" ")
			if err != nil {
				return nil, err
			}
			members = append(members, slices.Concat(name, []byte(":"), member))
		}
	case []any:
		for _, one := range v {
			member, err := spread(one, indent+" ")
			if err != nil {
				return nil, err
			}
			members = append(members, member)
		}
	default:
		return encode(v)
	}
	line := slices.Concat([]byte(begin), bytes.Join(members, []byte(",")), []byte(end))
	if len(line) <= longLine && !bytes.Contains(line, []byte("\n")) {
		return line, nil
	}
	inner := "\n" + indent + " "
	return slices.Concat([]byte(begin+inner), bytes.Join(members, []byte(","+inner)), []byte("\n"+indent+end)), nil
}

// TestRecordings finds what lies in the files to be what would be written, so that recording anew changes no more than it must.
func TestRecordings(t *testing.T) {
	for _, l := range allLists() {
		answers, err := readAnswers(l.name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(recording(l.name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := renderAll(answers)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not as it is written: make record", recording(l.name))
		}
	}
}
