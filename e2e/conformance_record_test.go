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
	var out bytes.Buffer
	err = spread(&out, v, "")
	return out.Bytes(), err
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

func spread(out *bytes.Buffer, v any, indent string) error {
	data, err := encode(v)
	if err != nil {
		return err
	}
	inner := indent + " "
	separator := func(i int) {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n" + inner)
	}
	switch v := v.(type) {
	case map[string]any:
		if len(data) <= longLine {
			break
		}
		out.WriteByte('{')
		for i, k := range slices.Sorted(maps.Keys(v)) {
			separator(i)
			name, err := encode(k)
			if err != nil {
				return err
			}
			out.Write(append(name, ':'))
			if err := spread(out, v[k], inner); err != nil {
				return err
			}
		}
		out.WriteString("\n" + indent + "}")
		return nil
	case []any:
		if len(data) <= longLine {
			break
		}
		out.WriteByte('[')
		for i := range v {
			separator(i)
			if err := spread(out, v[i], inner); err != nil {
				return err
			}
		}
		out.WriteString("\n" + indent + "]")
		return nil
	}
	out.Write(data)
	return nil
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
