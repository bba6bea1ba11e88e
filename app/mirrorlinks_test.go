package app

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror"
)

func linkFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLinksOfFiles(t *testing.T) {
	secret := linkFile(t, "secret", "pass=s3cret\n")
	over := linkFile(t, "over.properties", "source.cluster.bootstrap.servers=here:1\n")
	for name, tc := range map[string]struct {
		text string
		want map[string]string
	}{
		"a request": {`{"name":"m","config":{"topics":"a","tasks.max":1000000,"enabled":true}}`, map[string]string{
			"name": "m", "topics": "a", "tasks.max": "1000000", "enabled": "true", "source.cluster.bootstrap.servers": "here:1",
		}},
		"a config alone": {`{"name":"m","topics":"a"}`, map[string]string{"name": "m", "topics": "a", "source.cluster.bootstrap.servers": "here:1"}},
		"properties": {"name=m\ntopics=${file:" + secret + ":pass}\nsource.cluster.bootstrap.servers=there:1\n", map[string]string{
			"name": "m", "topics": "s3cret", "source.cluster.bootstrap.servers": "here:1",
		}},
	} {
		links, err := linkArgs{[]string{linkFile(t, "link", tc.text)}, over}.links(t.Context())
		if err != nil || len(links) != 1 || links[0].name != "m" {
			t.Errorf("%s: %v %v", name, links, err)
			continue
		}
		if d := cmp.Diff(tc.want, links[0].props); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for text, want := range map[string]string{
		`{"config":{"topics":["a"]}}`: "the value of topics is no text",
		`{`:                           "unexpected EOF",
	} {
		if _, err := (linkArgs{args: []string{linkFile(t, "link", text)}}).links(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestLinksOfFlows(t *testing.T) {
	file := linkFile(t, "mm2.properties", "clusters=A,B\nA.bootstrap.servers=a:1\nB.bootstrap.servers=b:1\nA->B.enabled=true\nA->B.topics=x\n"+
		"cycle.detection.enabled=false\n")
	links, err := linkArgs{args: []string{file}}.links(t.Context())
	if err != nil || len(links) != 1 || links[0].name != "A->B" || len(links[0].beside) != 2 {
		t.Fatalf("%+v %v", links, err)
	}
	p := links[0].props
	if p["topics"] != "x" || p["source.cluster.bootstrap.servers"] != "a:1" || p["target.cluster.alias"] != "B" || p["cycle.detection.enabled"] != "false" {
		t.Errorf("%v", p)
	}
	if _, err := (linkArgs{args: []string{file, "B->A"}}).links(t.Context()); err == nil || !strings.Contains(err.Error(), "B->A is no enabled flow; there are A->B") {
		t.Error(err)
	}
}

func TestRunningLink(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/connectors/a->b/config":
			_, _ = w.Write([]byte(`{"connector.class":"MirrorSource","source.cluster.alias":"A"}`))
		case "/connectors/a->b/offsets":
			_, _ = w.Write([]byte(`{"offsets":[{"partition":{"cluster":"A","partition":2,"topic":"t"},"offset":{"offset":41}},` +
				`{"partition":{"cluster":"C","partition":0,"topic":"t"},"offset":{"offset":7}}]}`))
		default:
			http.Error(w, "no", http.StatusNotFound)
		}
	}))
	defer srv.Close()
	links, err := linkArgs{args: []string{srv.URL + "/", "a->b"}}.links(t.Context())
	want := map[connect.TopicPartition]int64{{Topic: "t", Partition: 2}: 42}
	if err != nil || cmp.Diff(want, links[0].copied) != "" {
		t.Errorf("%v %v", links, err)
	}
	with := strings.Replace(srv.URL, "http://", "http://user:s3cret@", 1)
	if _, err := (linkArgs{args: []string{with, "other"}}).links(t.Context()); err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "404") {
		t.Error(err)
	}
	if err := sourceOnly([]mirrorLink{{name: "x", props: map[string]string{"connector.class": "FileStreamSource"}}}); err == nil {
		t.Error("a file source is taken for a mirror")
	}
}

func TestBound(t *testing.T) {
	now := time.UnixMilli(10_000_000)
	for text, want := range map[string]mirror.Bound{
		"":                     {},
		"17":                   {Given: true, At: 17},
		"1970-01-01T00:00:01Z": {Given: true, Time: true, At: 1000},
		"1000s":                {Given: true, Time: true, At: 9_000_000},
	} {
		if got, err := bound("from", text, now); err != nil || got != want {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"-1", "yesterday", "-3h"} {
		if _, err := bound("from", text, now); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
