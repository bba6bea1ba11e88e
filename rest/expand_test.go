package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/connectd/connectd/rest/api"
)

func listed(t interface{ Fatal(...any) }, name string, status *api.ConnectorStatus, info *api.ConnectorInfo) *api.Listed {
	l, err := api.NewListed(name, status, info)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestExpansionIsAMap: what is streamed is what encoding a map would give, whatever the sizes, names and words.
func TestExpansionIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.IntRange(bufferSize-300, bufferSize+100), func(n int) string { return strings.Repeat("x", n) }))
		names := rapid.SliceOfNDistinct(rapid.String(), 0, 5, rapid.ID[string]).Draw(t, "names")
		words := rapid.SliceOfN(rapid.SampledFrom([]string{"status", "info", "bad", ""}), 0, 4).Draw(t, "words")
		e := expansion{parts: partsOf(words)}
		want := map[string]map[string]json.RawMessage{}
		for _, name := range names {
			var status *api.ConnectorStatus
			var info *api.ConnectorInfo
			if rapid.Bool().Draw(t, "has status") {
				status = &api.ConnectorStatus{Name: name, Connector: api.ConnectorState{Trace: text.Draw(t, "trace")}}
			}
			if rapid.Bool().Draw(t, "has info") {
				info = &api.ConnectorInfo{Name: name, Config: map[string]string{"k": text.Draw(t, "value")}}
			}
			l := listed(t, name, status, info)
			e.connectors = append(e.connectors, l)
			members := map[string]json.RawMessage{}
			for _, word := range words {
				switch word {
				case "status":
					members[word] = l.Status
				case "info":
					members[word] = l.Info
				}
			}
			missing := false
			for _, m := range members {
				missing = missing || m == nil
			}
			if !missing {
				want[name] = members
			}
		}
		var got bytes.Buffer
		n, err := e.WriteTo(&got)
		if err != nil || int(n) != got.Len() || e.size() != got.Len() {
			t.Fatalf("%d bytes, told %d and expected %d: %v", got.Len(), n, e.size(), err)
		}
		var back map[string]map[string]json.RawMessage
		if err := json.Unmarshal(got.Bytes(), &back); err != nil {
			t.Fatalf("%v in %.300s", err, got.String())
		}
		if len(back) != len(want) || fmt.Sprint(back) != fmt.Sprint(want) {
			t.Fatalf("got  %.300s\nwant %.300s", fmt.Sprint(back), fmt.Sprint(want))
		}
	})
}

// TestExpansionOrder: members stand as they were asked for, connectors as the herder lists them.
func TestExpansionOrder(t *testing.T) {
	all := []*api.Listed{{Name: []byte(`"b"`), Status: []byte(`1`), Info: []byte(`2`)}, {Name: []byte(`"a"`), Status: []byte(`3`), Info: []byte(`4`)}}
	for words, want := range map[string]string{
		"status,info":         `{"b":{"status":1,"info":2},"a":{"status":3,"info":4}}`,
		"info,status":         `{"b":{"info":2,"status":1},"a":{"info":4,"status":3}}`,
		"info,bad,info":       `{"b":{"info":2},"a":{"info":4}}`,
		"bad":                 `{"b":{},"a":{}}`,
		"status,info,status,": `{"b":{"status":1,"info":2},"a":{"status":3,"info":4}}`,
	} {
		var got strings.Builder
		if _, err := (expansion{all, partsOf(strings.Split(words, ","))}).WriteTo(&got); err != nil || got.String() != want {
			t.Errorf("%s: %s %v, want %s", words, got.String(), err, want)
		}
	}
}

// failing takes so many writes and then fails.
type failing struct{ writes int }

var errGone = errors.New("gone")

func (f *failing) Write(p []byte) (int, error) {
	if f.writes--; f.writes < 0 {
		return 0, errGone
	}
	return len(p), nil
}

// TestExpansionToNobody: a client that went away ends the writing, and buffers are of one size however large the answer.
func TestExpansionToNobody(t *testing.T) {
	info := &api.ConnectorInfo{Config: map[string]string{"k": strings.Repeat("x", 1000)}}
	var e expansion
	for i := range 1000 {
		e.connectors = append(e.connectors, listed(t, strconv.Itoa(i), nil, info))
	}
	e.parts = partsOf([]string{"info"})
	for _, writes := range []int{0, 1, 3} {
		w := &failing{writes: writes}
		if n, err := e.WriteTo(w); !errors.Is(err, errGone) || w.writes != -1 || n > int64(writes*bufferSize) {
			t.Errorf("after %d writes: %d bytes, %d too many writes, %v", writes, n, -w.writes-1, err)
		}
	}
	perAnswer := testing.AllocsPerRun(10, func() {
		_ = e.size()
		_, _ = e.WriteTo(io.Discard)
	})
	if perAnswer > 20 {
		t.Errorf("%v allocations for 1000 connectors", perAnswer)
	}
}

// TestExpandHead: HEAD tells the size and sends nothing.
func TestExpandHead(t *testing.T) {
	h := &fakeHerder{names: []string{"a"}, infos: map[string]*api.ConnectorInfo{"a": {Name: "a"}}}
	s := newTestServer(t, Config{Herder: h})
	get := ask(s.Handler(), http.MethodGet, "/connectors?expand=info", "")
	head := ask(s.Handler(), http.MethodHead, "/connectors?expand=info", "")
	for _, rec := range []struct {
		status int
		length string
	}{{get.Code, get.Header().Get("Content-Length")}, {head.Code, head.Header().Get("Content-Length")}} {
		if rec.status != 200 || rec.length != strconv.Itoa(get.Body.Len()) {
			t.Errorf("%+v, want 200 and %d", rec, get.Body.Len())
		}
	}
	if head.Body.Len() != 0 || get.Header().Get("Content-Type") != "application/json" {
		t.Errorf("HEAD: %s, GET: %v", head.Body, get.Header())
	}
	h.err = errGone
	if rec := ask(s.Handler(), http.MethodGet, "/connectors?expand=info", ""); rec.Code != 500 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}
