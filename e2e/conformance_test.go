package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kgo"
)

var record = flag.Bool("record", false, "TestConformance: ask a Java worker first, and record its answers anew")

// requestList are requests that are made one after the other.
type requestList struct {
	name     string
	requests []exchange
}

// TestConformance asks connectd what a Java worker was asked, and compares the answers with the recorded ones: first a worker
// that is alone, then one that follows another. Whatever differs must be in the list of kept differences.
func TestConformance(t *testing.T) {
	t.Parallel()
	if *record {
		t.Run("Java", func(t *testing.T) {
			for name, answers := range play(t, startJavaSide, nil) {
				if err := writeAnswers(name, answers); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	wanted := readRecordings(t)
	var url string
	given := play(t, func(t *testing.T, bootstrap string) string {
		url = startNode(t, bootstrap, "conformance", quick).url
		return url
	}, wanted)
	leavesNothingOut(t, url)
	compare(t, wanted, given)
}

// readRecordings gives Java's answers by list: one for each request.
func readRecordings(t *testing.T) map[string][]*recorded {
	all := map[string][]*recorded{}
	for _, l := range allLists() {
		answers, err := readAnswers(l.name)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range l.requests {
			if i >= len(answers) || answers[i].Request != x.String() {
				t.Fatalf("%s: %s has not been recorded. Record Java's answers to the new list: make record", l.name, x)
			}
		}
		all[l.name] = answers
	}
	return all
}

// compare compares the answers of connectd with those recorded.
func compare(t *testing.T, wanted, given map[string][]*recorded) {
	asked, excuses := 0, 0
	for _, l := range allLists() {
		for i, x := range l.requests {
			asked++
			diff, kept := differences(x, wanted[l.name][i].facts(), given[l.name][i].facts())
			if len(diff) > 0 {
				t.Errorf("%s\n%s", x, strings.Join(diff, "\n"))
			}
			if kept > 0 {
				excuses++
			}
		}
	}
	t.Logf("%d requests compared: %d answered as by Java, %d but for the %d kept differences", asked, asked-excuses, excuses, len(kept))
	for i := range kept {
		if d := &kept[i]; !d.used.Load() {
			t.Errorf("%q at %q does not differ any more", d.request, d.at)
		}
	}
}

// tries is how often a request is repeated, and tryPause how long that waits.
const (
	tries    = 5
	tryPause = 2 * time.Second
)

// repeatable tells that asking again does no harm: a worker may not have heard yet of what another one has written, and a plan
// for a restart tells of an earlier restart that is not over.
func (x exchange) repeatable() bool {
	return x.method == http.MethodGet || strings.Contains(x.path, "/restart?")
}

// later makes a request after a pause.
func (s *side) later(ctx context.Context, x exchange) (*recorded, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(tryPause):
		return s.settle(ctx, x)
	}
}

func allLists() (out []requestList) {
	for _, stage := range aloneLists() {
		out = append(out, stage...)
	}
	return append(out, followerList())
}

// quick are worker properties: members hear of a rebalance by their heartbeats.
var quick = map[string]string{"scheduled.rebalance.max.delay.ms": "1000", "heartbeat.interval.ms": "200", "session.timeout.ms": "10000"}

func startJavaSide(t *testing.T, bootstrap string) string {
	var options []testkit.Option
	for k, v := range quick {
		options = append(options, testkit.Property(k, v))
	}
	return testkit.StartJavaWorker(t, bootstrap, "conformance", options...).URL
}

// play starts brokers and a worker, makes all requests, and gives the answers by list. Where it is known what the answers should
// be, a worker gets time to come to know what it is asked for.
func play(t *testing.T, start func(t *testing.T, bootstrap string) string, wanted map[string][]*recorded) map[string][]*recorded {
	broker := testkit.StartBroker(t)
	createTopic(t, broker.Bootstrap, "words", 1, nil)
	text := kafkaClient(t, broker.Bootstrap)
	// Brokers may not know a new topic at once.
	produce := func(r *kgo.Record) {
		testkit.Eventually(t, patience, func(ctx context.Context) error { return text.ProduceSync(ctx, r).FirstErr() })
	}
	produce(wordsRecord())
	dir := t.TempDir()
	first := start(t, broker.Bootstrap)
	produce(unknownClass("conformance"))
	answers := map[string][]*recorded{}
	var mu sync.Mutex
	s := newSide(broker.Bootstrap, dir, first)
	for _, stage := range aloneLists() {
		var wg sync.WaitGroup
		for _, l := range stage {
			wg.Go(func() {
				given := s.playList(t, l, wanted[l.name])
				mu.Lock()
				defer mu.Unlock()
				answers[l.name] = given
			})
		}
		wg.Wait()
	}
	second := start(t, broker.Bootstrap)
	l := followerList()
	answers[l.name] = newSide(broker.Bootstrap, dir, second, first).playList(t, l, wanted[l.name])
	if t.Failed() {
		t.FailNow()
	}
	return answers
}

// playList makes the requests of a list. It ends early when answers fail to come: what follows would fail as well.
func (s *side) playList(t *testing.T, l requestList, wanted []*recorded) (out []*recorded) {
	for i, x := range l.requests {
		mine := x
		mine.body = strings.ReplaceAll(x.body, "{own}", fmt.Sprintf("own-%s-%d", l.name, i))
		a, err := s.settle(t.Context(), mine)
		for try := 0; err == nil && wanted != nil && try < tries && mine.repeatable(); try++ {
			if diff, _ := differences(x, wanted[i].facts(), a.facts()); len(diff) == 0 {
				break
			}
			a, err = s.later(t.Context(), mine)
		}
		if err != nil {
			t.Errorf("%s: %s\n\t%v", l.name, x, err)
			return out
		}
		a.Request = x.String()
		out = append(out, a)
	}
	return out
}

// leavesNothingOut holds the list against the routes and query parameters of the OpenAPI document.
func leavesNothingOut(t *testing.T, url string) {
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if _, err := call(t.Context(), http.MethodGet, url+"/openapi.json", nil, &document); err != nil {
		t.Fatal(err)
	}
	delete(document.Paths, "/openapi.json") // Java has none
	delete(document.Paths, "/metrics")
	delete(document.Paths, "/connectors/{connector}/progress")
	for path, members := range document.Paths {
		pattern := "^" + regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(path, `[^/?]+`) + "/?"
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			data, has := members[strings.ToLower(method)]
			if !has {
				continue
			}
			var operation struct {
				Parameters []struct{ Name, In string }
			}
			if err := json.Unmarshal(data, &operation); err != nil {
				t.Fatal(err)
			}
			if !asked(method, pattern+`($|\?)`) {
				t.Errorf("%s %s is never asked", method, path)
			}
			for _, p := range operation.Parameters {
				if p.In == "query" && !asked(method, pattern+`\?(.*&)?`+p.Name) {
					t.Errorf("%s %s is never asked with %s", method, path, p.Name)
				}
			}
		}
		if !asked(http.MethodOptions, pattern+"$") {
			t.Errorf("OPTIONS %s is never asked", path)
		}
	}
}

func asked(method, pattern string) bool {
	for _, l := range allLists() {
		for _, x := range l.requests {
			if x.method == method && matches(pattern, x.path) {
				return true
			}
		}
	}
	return false
}

// TestDifferencesAreDocumented finds each kept difference in the page for users.
func TestDifferencesAreDocumented(t *testing.T) {
	data, err := os.ReadFile("../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(data)), " ")
	want := map[string]bool{}
	for i := range kept {
		want[kept[i].reason] = true
	}
	for _, c := range chances {
		want[c.listed] = true
	}
	for sentence := range want {
		if !strings.Contains(text, sentence) {
			t.Errorf("docs/compatibility.md does not say %q", sentence)
		}
	}
}
