package clientconf

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func known(name string) (string, bool) {
	value, ok := map[string]string{"user.home": "/home/kafka", "conf": "/etc"}[name]
	return value, ok
}

func TestParseJAASFile(t *testing.T) {
	got, err := ParseJAASFile(`
// a comment
KafkaClient { org.x.PlainLoginModule required username="a" password="b;}"; };
/* another */
KafkaConnect {
  org.x.PropertyFileLoginModule required
    file="${user.home}${/}creds.properties" debug=true;
  'org.x.Other' sufficient a="${{conf}}" b="${conf" c="${conf}/${conf}";
};
"Empty" { };`, known)
	want := map[string][]JAAS{
		"KafkaClient": {{Module: "org.x.PlainLoginModule", Options: map[string]string{"username": "a", "password": "b;}"}}},
		"KafkaConnect": {
			{Module: "org.x.PropertyFileLoginModule", Options: map[string]string{"file": "/home/kafka/creds.properties", "debug": "true"}},
			{Module: "org.x.Other", Options: map[string]string{"a": "${{conf}}", "b": "${conf", "c": "/etc//etc"}},
		},
		"Empty": nil,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := ParseJAASFile(" // nothing\n", known); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
}

func TestParseJAASFileRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`KafkaConnect`:                          "ends where '{' must follow",
		`{`:                                     "expects the name of a section at character 1",
		`A { x required;}`:                      "ends where ';' must follow",
		`A { x required; `:                      "must start with the class",
		`A { x maybe; };`:                       "one of required, requisite, sufficient, optional",
		`A { x required password=="s3cret"; };`: "key=\"value\"",
		`A { x required password="s3cret; };`:   "quote without its end",
		`A { x required file="${nope}"; };`:     "section A: option file: the system property nope is not set",
		`A { x required file="${{nope"; };`:     "without }}",
		`A { }; A { };`:                         "the section A twice",
	} {
		_, err := ParseJAASFile(text, known)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

// FuzzParseJAASFile: no file makes the reader panic or hang.
func FuzzParseJAASFile(f *testing.F) {
	f.Add(`KafkaConnect { org.x.PropertyFileLoginModule required file="${user.home}/x"; };`)
	f.Add(`A { x required a='b\101' c="${{x}}"; /* }; */ }; B { };`)
	f.Fuzz(func(t *testing.T, text string) {
		sections, err := ParseJAASFile(text, known)
		if err != nil && sections != nil {
			t.Error("both sections and an error")
		}
	})
}
