package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/testkit"
	"github.com/connectd/connectd/rest/api"
)

func copying(task int, topic string, partition int32) api.PartitionProgress {
	return api.PartitionProgress{Task: task, Topic: topic, Partition: partition, Position: 5, End: 9, State: "copying"}
}

// TestProgressOfAllWorkers: any worker tells of all tasks, those of others as they tell of them, and for those of a worker that
// can't tell the positions that are stored.
func TestProgressOfAllWorkers(t *testing.T) {
	testkit.NoLeaks(t)
	other := &fakeHerder{progress: &Progress{Known: api.ConnectorProgress{
		Name: "a->b",
		Tasks: []api.TaskProgress{
			{ID: 0, State: "RUNNING", WorkerID: "one", Reason: "its worker was not asked"},
			{ID: 1, State: "RUNNING", WorkerID: "two", Available: true},
			{ID: 2, State: "RUNNING", WorkerID: "two", Reason: "it does not run now"},
		},
		Partitions: []api.PartitionProgress{copying(1, "in", 1), copying(7, "in", 7)},
	}}}
	two := worker(t, other)
	var asked *http.Request
	java := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"error_code":404,"message":"HTTP 404 Not Found"}`))
	}))
	t.Cleanup(java.Close)
	own := &fakeHerder{progress: &Progress{
		Known: api.ConnectorProgress{
			Name: "a->b",
			Tasks: []api.TaskProgress{
				{ID: 0, State: "RUNNING", WorkerID: "one", Available: true},
				{ID: 1, State: "RUNNING", WorkerID: "two"},
				{ID: 2, State: "RUNNING", WorkerID: "two"},
				{ID: 3, State: "RUNNING", WorkerID: "java"},
				{ID: 4, State: "RUNNING", WorkerID: "gone"},
			},
			Partitions: []api.PartitionProgress{copying(0, "in", 2), copying(0, "in", 0)},
		},
		Elsewhere: map[int]string{1: two, 2: two, 3: java.URL, 4: "http://127.0.0.1:1"},
		Stored: func(context.Context) ([]api.PartitionProgress, error) {
			return []api.PartitionProgress{
				{Task: -1, Topic: "in", Partition: 0, Position: 1, State: "unavailable"},
				{Task: -1, Topic: "in", Partition: 3, Position: 4, State: "unavailable"},
			}, nil
		},
	}}
	resp, body := exchangeWith(t, "GET", worker(t, own)+"/connectors/a-%3Eb/progress", "", "Authorization", "Basic c2VjcmV0")
	var got api.ConnectorProgress
	if err := json.Unmarshal([]byte(body), &got); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %v %s", resp.StatusCode, err, body)
	}
	want := api.ConnectorProgress{
		Name: "a->b",
		Tasks: []api.TaskProgress{
			{ID: 0, State: "RUNNING", WorkerID: "one", Available: true},
			{ID: 1, State: "RUNNING", WorkerID: "two", Available: true},
			{ID: 2, State: "RUNNING", WorkerID: "two", Reason: "it does not run now"},
			{ID: 3, State: "RUNNING", WorkerID: "java", Reason: "its worker can't tell: it is a Java worker, or an older one"},
			{ID: 4, State: "RUNNING", WorkerID: "gone", Reason: "its worker does not answer: dial tcp 127.0.0.1:1: connect: connection refused"},
		},
		Partitions: []api.PartitionProgress{
			copying(0, "in", 0), copying(1, "in", 1), copying(0, "in", 2), {Task: -1, Topic: "in", Partition: 3, Position: 4, State: "unavailable"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if asked.RequestURI != "/connectors/a-%3Eb/progress?forward=false" || asked.Header.Get("Authorization") != "Basic c2VjcmV0" {
		t.Errorf("the other worker was asked %s with %v", asked.RequestURI, asked.Header)
	}
}

func TestProgressOfOneWorker(t *testing.T) {
	own := &fakeHerder{progress: &Progress{
		Known:     api.ConnectorProgress{Name: "m", Message: "why", Tasks: []api.TaskProgress{{ID: 0, Reason: "its worker was not asked"}}},
		Elsewhere: map[int]string{0: "http://127.0.0.1:1"},
		Stored:    func(context.Context) ([]api.PartitionProgress, error) { return nil, errors.New("not to be asked") },
	}}
	s := newTestServer(t, Config{Herder: own})
	want := `{"name":"m","message":"why","tasks":[{"id":0,"state":"","worker_id":"","available":false,"reason":"its worker was not asked"}],"partitions":[]}`
	if rec := ask(s.Handler(), "GET", "/connectors/m/progress?forward=false", ""); rec.Code != 200 || rec.Body.String() != want {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	own.err = cluster.NotFound("Connector m not found")
	if rec := ask(s.Handler(), "GET", "/connectors/m/progress", ""); rec.Code != 404 || message(t, rec) != "Connector m not found" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}
