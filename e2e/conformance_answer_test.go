package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/connectd/connectd/internal/testkit"
)

// exchange is one request of the list. In its path and body, {dir} is a folder, {bootstrap} the brokers, and {own} a name that no
// other request has.
type exchange struct {
	method, path, body string
	// accept is the header of that name. media is the Content-Type: by default JSON where there is a body, none where it is "none".
	accept, media string
	// await repeats a GET of a status until the states of the connector and of its tasks are these, e.g. "RUNNING FAILED".
	await string
	// until repeats a GET until the answer holds this text.
	until string
	// steady is how many times in a row await must be met.
	steady int
	// refused tells that a conflict is the answer, and not a rebalance that passes.
	refused bool
}

// String is by what an exchange and its recorded answer know each other.
func (x exchange) String() string {
	if x.await != "" {
		return x.method + " " + x.path + " until " + x.await
	}
	text := x.method + " " + x.path
	if x.accept != "" {
		text += " Accept: " + x.accept
	}
	if x.media != "" {
		text += " Content-Type: " + x.media
	}
	return strings.TrimSpace(text + " " + x.body)
}

// side is a worker that is asked, with what stands for the placeholders of the list.
type side struct {
	url  string
	fill *strings.Replacer // of requests
	own  *strings.Replacer // of answers: the same backwards
}

// Asked a second time for a class that does not exist, Java begins its sentence with the name of an exception.
const (
	askedAgain = "org.apache.kafka.connect.errors.ConnectException: Failed to find any class"
	askedFirst = "Failed to find any class"
)

// newSide makes a side of the worker at the first URL; others are of its group.
func newSide(bootstrap, dir string, urls ...string) *side {
	own := []string{dir, "{dir}", bootstrap, "{bootstrap}", askedAgain, askedFirst}
	for _, u := range urls {
		own = append(own, strings.TrimPrefix(u, "http://"), "{worker}")
	}
	return &side{
		url: urls[0], fill: strings.NewReplacer("{dir}", dir, "{bootstrap}", bootstrap), own: strings.NewReplacer(own...),
	}
}

// recorded is an answer as it is compared, and recorded: nothing in it depends on when and where it was given.
type recorded struct {
	Request string            `json:"request"`
	Status  int               `json:"status"`
	Header  map[string]string `json:"header,omitempty"`
	// Body is decoded JSON; Text a body that is none.
	Body any    `json:"body,omitempty"`
	Text string `json:"text,omitempty"`
}

var (
	page     = regexp.MustCompile(`(?s)<tr><th>MESSAGE:</th><td>(.*?)</td>`)
	ownNames = regexp.MustCompile(`own-[a-z]+-\d+`)
)

// answer is an answer as it came, but for places and ports.
type answer struct {
	status int
	header map[string]string
	body   string
}

// ask makes a request once. The path goes out as it is written, as net/http would repair some.
func (s *side) ask(ctx context.Context, x exchange) (*answer, error) {
	u, err := url.Parse(s.url)
	if err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(s.fill.Replace(x.path), "?")
	u.Opaque, u.RawQuery = path, query
	req := (&http.Request{Method: x.method, URL: u, Host: u.Host, Header: http.Header{}}).WithContext(ctx)
	if x.body != "" {
		body := s.fill.Replace(x.body)
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		req.Header.Set("Content-Type", "application/json")
	}
	if x.media != "" {
		req.Header.Set("Content-Type", x.media)
	}
	if x.media == "none" {
		req.Header.Del("Content-Type")
	}
	if x.accept != "" {
		req.Header.Set("Accept", x.accept)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	r := &answer{status: resp.StatusCode, header: map[string]string{}, body: ownNames.ReplaceAllString(s.own.Replace(string(body)), "{own}")}
	for _, k := range []string{"Content-Type", "Location", "Allow"} {
		if v := resp.Header.Get(k); v != "" {
			r.header[k] = s.own.Replace(v)
		}
	}
	// Java's server refuses some paths with a page; the same text as JSON is what we send.
	if m := page.FindStringSubmatch(r.body); m != nil {
		text, _ := json.Marshal(m[1])
		r.body = fmt.Sprintf(`{"error_code":%d,"message":%s}`, r.status, text)
		r.header["Content-Type"] = "application/json"
	}
	return r, nil
}

// patience is how long one request may take to be answered for good. Machines may be slow; who waits for what never comes is
// stopped after a few.
const patience = 2 * time.Minute

// settle asks until the answer is the one to compare: the state awaited, and no refusal because of a rebalance under way.
func (s *side) settle(ctx context.Context, x exchange) (*recorded, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var r *answer
	met := 0
	err := testkit.Poll(ctx, func(ctx context.Context) (err error) {
		if r, err = s.ask(ctx, x); err != nil {
			return err
		}
		switch {
		case x.await != "" && r.states() != x.await:
			met = 0
			return fmt.Errorf("states are %q: %s", r.states(), r.body)
		case x.until != "" && !strings.Contains(r.body, x.until):
			return fmt.Errorf("no %q in %s", x.until, r.body)
		case x.method == http.MethodHead && r.status >= http.StatusConflict: // the reason is in the body
			return fmt.Errorf("answers %d", r.status)
		case !x.refused && r.status >= http.StatusConflict && (strings.Contains(r.body, "rebalance") || strings.Contains(r.body, "momentarily")):
			return fmt.Errorf("still rebalancing: %s", r.body)
		}
		if met++; met < x.steady {
			return fmt.Errorf("states are new: %s", r.body)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.recorded(x), nil
}

// states are those of a connector's status and its tasks'.
func (r *answer) states() string {
	var s status
	if json.Unmarshal([]byte(r.body), &s) != nil {
		return ""
	}
	states := []string{s.Connector.State}
	for _, t := range s.Tasks {
		states = append(states, t.State)
	}
	return strings.Join(states, " ")
}

// recorded makes the answer independent of chance.
func (r *answer) recorded(x exchange) *recorded {
	a := &recorded{Request: x.String(), Status: r.status, Header: r.header}
	dec := json.NewDecoder(strings.NewReader(r.body))
	dec.UseNumber()
	if err := dec.Decode(&a.Body); err != nil || a.Body == nil {
		a.Body, a.Text = nil, r.body
		return a
	}
	for _, c := range chances {
		if matches(c.request, x.method+" "+x.path) {
			a.Body = c.level(a.Body)
		}
	}
	return a
}

// chance is what answers hold of the hour, the build, or the order of a hash map: it is levelled before they are recorded and
// compared.
type chance struct {
	request string
	level   func(any) any
	// listed is how docs/compatibility.md tells of it, where clients can see it.
	listed string
}

var chances = []chance{
	{request: ``, level: members("trace", "a trace"), listed: "Traces are told in words of our own"},
	{request: ``, level: members("documentation", "words"), listed: "The properties of connectors are documented in words of our own."},
	{request: `GET /$`, level: members("commit", "a commit"), listed: "`GET /` names the Kafka version that is followed"},
	{request: `GET /$`, level: members("kafka_cluster_id", "an id")},
	{request: `/admin/loggers`, level: members("last_modified", "a time")},
	{
		request: `POST .*/restart\?`, level: members("version", "a version or null"),
		listed: "These two name the plugin's version; Java's name it or null, as it happens.",
	},
	{request: `GET /connectors/?$`, level: sorted, listed: "Names of connectors come in order; Java lists them by their hashes."},
}

// members puts the text in the place of all members of objects with this name. Null stays null, but where the text speaks of it.
func members(name, text string) func(any) any {
	var level func(v any) any
	level = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k, member := range v {
				scalar := member != nil || strings.HasSuffix(text, "null")
				switch member.(type) {
				case map[string]any, []any:
					scalar = false
				}
				if k == name && scalar {
					v[k] = text
				} else {
					v[k] = level(member)
				}
			}
		case []any:
			for i := range v {
				v[i] = level(v[i])
			}
		}
		return v
	}
	return level
}

func sorted(v any) any {
	if list, ok := v.([]any); ok {
		slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return v
}
