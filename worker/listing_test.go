package worker_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestListingFollowsEveryChange: GET /connectors?expand=… tells what each connector's own resources tell, after every kind of
// change that a text kept from an earlier answer could hide.
func TestListingFollowsEveryChange(t *testing.T) {
	c := newWorkers(t, 1, nil, nil)
	w := c.all[0]
	agree := func(names ...string) {
		t.Helper()
		w.eventually(func() error {
			want := map[string]map[string]any{}
			for _, name := range names {
				var info, status any
				if err := w.expect(http.StatusOK, "GET", "/connectors/"+name, nil, &info); err != nil {
					return err
				}
				if err := w.expect(http.StatusOK, "GET", "/connectors/"+name+"/status", nil, &status); err != nil {
					return err
				}
				want[name] = map[string]any{"info": info, "status": status}
			}
			var got map[string]map[string]any
			if err := w.expect(http.StatusOK, "GET", "/connectors?expand=info&expand=status", nil, &got); err != nil {
				return err
			}
			if diff := cmp.Diff(want, got); diff != "" {
				return fmt.Errorf("-each +all:\n%s", diff)
			}
			return nil
		})
	}
	again := func() string {
		t.Helper()
		_, body, err := w.call("GET", "/connectors?expand=info&expand=status", nil)
		if err != nil || !json.Valid([]byte(body)) {
			t.Fatalf("%v %s", err, body)
		}
		return body
	}
	agree()
	w.create("b", source(2))
	w.awaitStates("b", "RUNNING RUNNING RUNNING")
	agree("b")
	w.create("a", source(1))
	w.create("c", source(1))
	w.awaitStates("a", "RUNNING RUNNING")
	w.awaitStates("c", "RUNNING RUNNING")
	agree("a", "b", "c")
	if one, two := again(), again(); one != two {
		t.Errorf("nothing has changed, but the answer:\n%s\n%s", one, two)
	}
	w.must(http.StatusAccepted, "PUT", "/connectors/b/pause", nil)
	w.awaitStates("b", "PAUSED PAUSED PAUSED")
	agree("a", "b", "c")
	w.must(http.StatusOK, "PUT", "/connectors/c/config", source(2, "poll.interval.ms", "30"))
	w.awaitStates("c", "RUNNING RUNNING RUNNING")
	agree("a", "b", "c")
	w.must(http.StatusNoContent, "PUT", "/connectors/a/stop", nil)
	w.awaitStates("a", "STOPPED")
	agree("a", "b", "c")
	w.must(http.StatusNoContent, "DELETE", "/connectors/b", nil)
	agree("a", "c")
	w.create("b", source(1))
	w.awaitStates("b", "RUNNING RUNNING")
	agree("a", "b", "c")
}
