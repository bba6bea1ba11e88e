package javaprops

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// Next to each .properties file lies what java.util.Properties read from it.
func TestReadsWhatJavaReads(t *testing.T) {
	files, err := filepath.Glob("testdata/*.properties")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(file, ".properties") + ".java.txt")
			if err != nil {
				t.Fatal(err)
			}
			props, err := ParseLatin1(data)
			if strings.HasPrefix(string(want), "ERR") {
				if err == nil || !strings.Contains(err.Error(), "line 1") {
					t.Errorf("Java fails, we have %q, %v", props, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			// Java sorts by UTF-16 units, the test files keep to keys where that is no difference.
			var got strings.Builder
			for _, k := range slices.Sorted(maps.Keys(props)) {
				fmt.Fprintf(&got, "%s = %s\n", quote(k), quote(props[k]))
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("(-Java +ours)\n%s", diff)
			}
		})
	}
}

func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, u := range utf16.Encode([]rune(s)) {
		if u < 32 || u > 126 || u == '"' || u == '\\' {
			fmt.Fprintf(&b, `\u%04x`, u)
		} else {
			b.WriteByte(byte(u))
		}
	}
	return b.String() + `"`
}

func TestUTF8(t *testing.T) {
	props, err := ParseUTF8([]byte("k=é€\n"))
	if err != nil || props["k"] != "é€" {
		t.Errorf("%q, %v", props, err)
	}
}

func TestErrorsTellTheLineAndKeepTheValue(t *testing.T) {
	_, err := ParseLatin1([]byte("a=1\n# c\nb=x\\\n  y\npw=s3cret\\u00g0\n"))
	if err == nil || !strings.Contains(err.Error(), "line 5: the value of pw") || strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}

// Whatever is written with all specials escaped is read back.
func FuzzRoundTrip(f *testing.F) {
	f.Add("k", "v")
	f.Add(" a:=#!\\", "\t\n\r\f é€😀")
	f.Fuzz(func(t *testing.T, key, value string) {
		key, value = strings.ToValidUTF8(key, ""), strings.ToValidUTF8(value, "")
		var b strings.Builder
		escape := func(s string) {
			for _, u := range utf16.Encode([]rune(s)) {
				fmt.Fprintf(&b, `\u%04x`, u)
			}
		}
		escape(key)
		b.WriteByte('=')
		escape(value)
		props, err := ParseLatin1([]byte(b.String()))
		if err != nil || len(props) != 1 || props[key] != value {
			t.Errorf("%q=%q became %q, %v", key, value, props, err)
		}
	})
}

// Nothing panics, and what has no error has no other meaning when read twice.
func FuzzParse(f *testing.F) {
	f.Add([]byte("a=1\\\n b\n#c\n\\u00e9:2\r\nx"))
	f.Add([]byte("\\"))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := ParseLatin1(data)
		second, err2 := ParseLatin1(data)
		if (err == nil) != (err2 == nil) || !maps.Equal(first, second) {
			t.Error("not deterministic")
		}
		_, _ = ParseUTF8(data)
	})
}
