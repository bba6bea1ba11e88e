package rest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/jackson"
	"github.com/connectd/connectd/rest/api"
	"github.com/google/go-cmp/cmp"
)

// exchange is one request to a Java worker 4.3.1 and its answer.
type exchange struct {
	Method     string
	Path       string
	Headers    map[string]string
	Body       *string
	BodyLatin1 *string // a body that is no UTF-8, each byte as a character
	// Origin tells who gave the answer: "herder", "rest" (the herder may not be asked), "none" (nor the handler), or
	// "nulls" (the handler, after validation).
	Origin   string
	Status   int
	Type     string
	Response string
	Location string
	Allow    string
	// Page is the message of an HTML error page, with which Java refuses paths; we send it as JSON.
	Page string
}

func (e exchange) body() []byte {
	switch {
	case e.Body != nil:
		return []byte(*e.Body)
	case e.BodyLatin1 != nil:
		var out []byte
		for _, r := range *e.BodyLatin1 {
			out = append(out, byte(r))
		}
		return out
	}
	return nil
}

// TestJavaSession plays back a session with a Java worker: a fake herder is given what Java's herder must have said, and the
// answer must be Java's to the byte, but for the order of names in maps.
func TestJavaSession(t *testing.T) {
	session := append(recorded(t, "testdata/java-4.3.1.json", 300), recorded(t, "testdata/offsets-4.3.1.json", 200)...)
	h := &fakeHerder{}
	srv := httptest.NewServer(newTestServer(t, Config{Herder: h}).Handler())
	defer srv.Close()
	addr := srv.Listener.Addr().String()
	for i, e := range session {
		t.Run(fmt.Sprintf("%03d %s %s", i, e.Method, strings.ReplaceAll(e.Path, "/", "|")), func(t *testing.T) {
			h.play(t, e)
			resp, body := rawExchange(t, addr, e)
			// Whether there is such a connector may be asked even for a patch that is none.
			harmless := []string{"VerifySignature", "ConnectorConfig"}
			calls := slices.DeleteFunc(h.take(), func(c call) bool { return slices.Contains(harmless, c.method) })
			if asked := len(calls) > 0; asked && (e.Origin == "rest" || e.Origin == "none") {
				t.Errorf("the herder was asked: %v", calls)
			}
			compareAnswer(t, e, addr, resp, body)
		})
	}
}

// recorded reads a session, which must have some exchanges.
func recorded(t testing.TB, file string, least int) []exchange {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var session []exchange
	if err := json.Unmarshal(data, &session); err != nil {
		t.Fatal(err)
	}
	if len(session) < least {
		t.Fatalf("%s: only %d exchanges recorded", file, len(session))
	}
	return session
}

func compareAnswer(t *testing.T, e exchange, addr string, resp *http.Response, body string) {
	t.Helper()
	want, wantType := e.Response, e.Type
	if e.Page != "" {
		message, _ := json.Marshal(e.Page)
		want, wantType = fmt.Sprintf(`{"error_code":%d,"message":%s}`, e.Status, message), "application/json"
	}
	if resp.StatusCode != e.Status {
		t.Errorf("status %d, want %d", resp.StatusCode, e.Status)
	}
	if got := resp.Header.Get("Content-Type"); got != wantType {
		t.Errorf("Content-Type %q, want %q", got, wantType)
	}
	if got, want := resp.Header.Get("Location"), strings.ReplaceAll(e.Location, "HOST", addr); got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
	if got := resp.Header.Get("Allow"); got != e.Allow {
		t.Errorf("Allow %q, want %q", got, e.Allow)
	}
	if diff := cmp.Diff(sortMaps(t, want), sortMaps(t, body)); diff != "" {
		t.Errorf("body (-java +ours):\n%s", diff)
	}
}

// play makes the fake herder say what Java's must have said for this answer to arise.
func (h *fakeHerder) play(t *testing.T, e exchange) {
	t.Helper()
	*h = fakeHerder{infos: map[string]*api.ConnectorInfo{}, statuses: map[string]*api.ConnectorStatus{}, loggers: map[string]api.LoggerLevel{}}
	if e.Origin != "herder" {
		return
	}
	if e.Status >= 400 {
		h.err = javaError(t, e)
		return
	}
	h.created = e.Status == http.StatusCreated
	into := func(v any) {
		if err := json.Unmarshal([]byte(e.Response), v); err != nil {
			t.Fatalf("%v in %s", err, e.Response)
		}
	}
	name, rest := splitPath(t, e.Path)
	switch {
	case e.Response == "" || strings.HasPrefix(e.Path, "/health"):
	case e.Path == "/":
		into(&h.server)
	case strings.HasPrefix(e.Path, "/connector-plugins"):
		switch {
		case strings.HasSuffix(rest, "/validate"):
			into(&h.validated)
		case rest == "/config":
			into(&h.keys)
		default:
			into(&h.plugins)
		}
	case strings.HasPrefix(e.Path, "/admin/loggers"):
		if e.Method == http.MethodPut {
			into(&h.changed)
			return
		}
		var level api.LoggerLevel
		into(&level)
		h.loggers[name] = level
	case strings.Contains(e.Path, "?expand"):
		var all map[string]struct {
			Status *api.ConnectorStatus
			Info   *api.ConnectorInfo
		}
		into(&all)
		for name, x := range all {
			h.names = append(h.names, name)
			h.infos[name], h.statuses[name] = x.Info, x.Status
		}
	case name == "" && e.Method == http.MethodGet:
		into(&h.names)
	case rest == "/config" && e.Method == http.MethodGet:
		into(&h.config)
	case rest == "/status", rest == "/restart":
		status := &api.ConnectorStatus{}
		into(status)
		h.statuses[name] = status
	case rest == "/tasks":
		into(&h.tasks)
	case strings.HasPrefix(rest, "/tasks/"):
		into(&h.task)
	case strings.HasPrefix(rest, "/offsets") && e.Method == http.MethodGet:
		h.offsets = offsetsIn(t, e.Response)
	case rest == "/offsets":
		var m api.Message
		into(&m)
		h.message = m.Message
	case rest == "/topics":
		var topics map[string]api.ActiveTopics
		into(&topics)
		h.topics = topics[name].Topics
	default:
		info := &api.ConnectorInfo{}
		into(info)
		h.infos[info.Name] = info
	}
}

// offsetsIn reads an answer to GET offsets.
func offsetsIn(t *testing.T, text string) (out []api.ConnectorOffset) {
	t.Helper()
	v, err := jackson.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	list, _ := v.(jackson.Object).Get("offsets")
	for _, o := range list.([]any) {
		partition, _ := o.(jackson.Object).Get("partition")
		offset, _ := o.(jackson.Object).Get("offset")
		out = append(out, api.ConnectorOffset{Partition: partition.(jackson.Object), Offset: offset.(jackson.Object)})
	}
	return out
}

// javaError is the herder's error behind a failure.
func javaError(t *testing.T, e exchange) error {
	var failure api.ErrorBody
	if err := json.Unmarshal([]byte(e.Response), &failure); err != nil {
		t.Fatal(err)
	}
	for code, status := range statuses {
		if status == e.Status && code != cluster.CodeRebalancing {
			return &cluster.Error{Code: code, Message: failure.Message}
		}
	}
	return &cluster.Error{Code: cluster.CodeInternal, Message: failure.Message}
}

// splitPath gives the decoded second segment of a path (the third below /admin), and what follows it.
func splitPath(t *testing.T, path string) (name, rest string) {
	path, _, _ = strings.Cut(path, "?")
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/admin"), "/")
	parts := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 3)
	if len(parts) > 1 {
		segment, _, _ := strings.Cut(parts[1], ";")
		var err error
		if name, err = url.PathUnescape(segment); err != nil {
			t.Fatal(err)
		}
	}
	if len(parts) > 2 {
		rest = "/" + parts[2]
	}
	return name, rest
}

// rawExchange writes a request as it was recorded: net/http's client would refuse or repair some of them.
func rawExchange(t *testing.T, addr string, e exchange) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: %s\r\n", e.Method, e.Path, addr)
	for k, v := range e.Headers {
		fmt.Fprintf(&out, "%s: %s\r\n", k, v)
	}
	body := e.body()
	if body != nil {
		fmt.Fprintf(&out, "Content-Length: %d\r\n", len(body))
	}
	out.WriteString("\r\n")
	out.Write(body)
	if _, err := conn.Write(out.Bytes()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: e.Method})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(got)
}

// sortMaps gives JSON with one value a line, the fields in their order but the names of maps sorted: configs, and the
// connectors of an expansion, which Java lists by their hashes.
func sortMaps(t *testing.T, text string) []string {
	t.Helper()
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return []string{text}
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var out []string
	isMap := strings.HasPrefix(text, `{"connector.class"`) || strings.Contains(text[:min(len(text), 12)], `":{`)
	walkJSON(t, dec, "", isMap, &out)
	return out
}

func walkJSON(t *testing.T, dec *json.Decoder, path string, isMap bool, out *[]string) {
	tok, err := dec.Token()
	if err != nil {
		t.Fatalf("%v in an answer", err)
	}
	delim, _ := tok.(json.Delim)
	switch delim {
	case '{':
		members := map[string][]string{}
		var order []string
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			walkJSON(t, dec, fmt.Sprintf("%s.%q", path, key), key == "config", &lines)
			members[key.(string)] = lines
			order = append(order, key.(string))
		}
		if isMap {
			slices.SortFunc(order, cmpStrings)
		}
		*out = append(*out, path+" {")
		for _, key := range order {
			*out = append(*out, members[key]...)
		}
		*out = append(*out, path+" }")
		_, err = dec.Token()
	case '[':
		*out = append(*out, path+" [")
		for i := 0; dec.More(); i++ {
			walkJSON(t, dec, fmt.Sprintf("%s[%d]", path, i), false, out)
		}
		*out = append(*out, path+" ]")
		_, err = dec.Token()
	default:
		*out = append(*out, fmt.Sprintf("%s = %#v", path, tok))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func cmpStrings(a, b string) int { return strings.Compare(a, b) }

func newTestServer(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return s
}
