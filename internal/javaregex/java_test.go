package javaregex

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/connectd/connectd/internal/testkit"
)

var record = flag.Bool("record", false, "ask Java anew, and write what it answers to testdata")

const goldenFile = "testdata/java.jsonl"

type answer struct {
	Pattern string `json:"p"`
	Text    string `json:"s"`
	Matches bool   `json:"matches"`
	Find    []int  `json:"find"`
	Error   string `json:"error"`
	Crash   bool   `json:"crash"`
}

// TestAsJava compares with what java.util.regex answered to the cases of cases_test.go.
//
//	go test ./internal/javaregex -run TestAsJava -record
func TestAsJava(t *testing.T) {
	if *record {
		writeGolden(t)
	}
	data, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	all := cases()
	if len(lines) != len(all) {
		t.Fatalf("Java was asked %d questions, there are %d: see above", len(lines), len(all))
	}
	for i, line := range lines {
		var want answer
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		if want.Pattern != all[i][0] || want.Text != all[i][1] {
			t.Fatalf("Java was not asked yet, see above: %q", all[i])
		}
		compare(t, want)
	}
}

func compare(t *testing.T, want answer) {
	t.Helper()
	r, err := Compile(want.Pattern)
	if err != nil || want.Error != "" {
		if err == nil || err.Error() != want.Error {
			t.Errorf("%q: error\n%v\nJava's is\n%s", want.Pattern, err, want.Error)
		}
		return
	}
	matches, err1 := r.MatchString(want.Text)
	find, err2 := r.FindSubmatchIndex(want.Text)
	if err1 != nil || err2 != nil {
		t.Errorf("%q, %q: %v, %v", want.Pattern, want.Text, err1, err2)
	}
	if matches != want.Matches || !slices.Equal(find, want.Find) {
		t.Errorf("%q, %q: %v, at %v; with Java %v, at %v", want.Pattern, want.Text, matches, find, want.Matches, want.Find)
	}
	if want.Find != nil && r.NumSubexp() != len(want.Find)/2-1 {
		t.Errorf("%q has %d groups", want.Pattern, r.NumSubexp())
	}
}

func writeGolden(t *testing.T) {
	java := testkit.StartJava(t, "testdata/Oracle.java")
	var out bytes.Buffer
	for _, c := range cases() {
		request, err := json.Marshal(map[string]string{"p": c[0], "s": c[1]})
		if err != nil {
			t.Fatal(err)
		}
		out.Write(bytes.TrimSpace(java.Ask(request)))
		out.WriteByte('\n')
	}
	if err := os.WriteFile(goldenFile, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
