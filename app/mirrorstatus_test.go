package app

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/rest/api"
)

// progressServer answers as a worker does.
func progressServer(answers map[string]api.ConnectorProgress) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /connectors", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `["A->B","files","quiet"]`)
	})
	mux.HandleFunc("GET /connectors/{name}/progress", func(w http.ResponseWriter, r *http.Request) {
		p, known := answers[r.PathValue("name")]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, `{"error_code":404,"message":"Connector %s not found"}`, r.PathValue("name"))
			return
		}
		_ = json.NewEncoder(w).Encode(p)
	})
	return mux
}

var someProgress = map[string]api.ConnectorProgress{
	"A->B": {
		Name: "A->B",
		Tasks: []api.TaskProgress{
			{ID: 0, State: "RUNNING", WorkerID: "one:8083", Available: true},
			{ID: 1, State: "RUNNING", WorkerID: "two:8083", Reason: "its worker can't tell: it is a Java worker, or an older one"},
		},
		Partitions: []api.PartitionProgress{
			{Task: 0, Topic: "orders", Partition: 0, Position: 100, End: 100, State: "copying", Lane: "batch", Batches: 30, Decoded: 2, LaneReason: "gaps"},
			{Task: 0, Topic: "orders", Partition: 1, Position: 50, End: 250, LagMs: 90_500, RecordsPerSecond: 20, BytesPerSecond: 13_200, ETAMs: 10_000, State: "copying"},
			{Task: 0, Topic: "orders", Partition: 2, Position: 7, End: 9, LagMs: 1500, ETAMs: -1, State: "waiting", Reason: "the record at 7 is too large"},
			{Task: 0, Topic: "pay", Partition: 0, Position: 7, End: 8, LagMs: 2000, RecordsPerSecond: 1, BytesPerSecond: 2.5e6, ETAMs: 1000, State: "throttled", Reason: "limit of the link"},
			{Task: -1, Topic: "pay", Partition: 1, Position: 70, End: -1, LagMs: -1, ETAMs: -1, State: "unavailable"},
		},
	},
	"files": {Name: "files", Message: "Tasks of FileStreamSource do not tell how far they are", Tasks: []api.TaskProgress{{ID: 0}}},
	"quiet": {
		Name: "quiet", Tasks: []api.TaskProgress{{ID: 0, State: "RUNNING", WorkerID: "one:8083", Available: true}},
		Partitions: []api.PartitionProgress{{Topic: "in", Position: 5, End: 5, State: "copying", Lane: "record", LaneReason: "transforms=route"}},
	},
}

func TestMirrorStatus(t *testing.T) {
	srv := httptest.NewServer(progressServer(someProgress))
	defer srv.Close()
	code, out, errs := cmdline(t, "mirror", "status", srv.URL)
	want := `A->B: 2 tasks on 2 workers, 5 partitions: 2 copying, 1 throttled, 1 waiting, 1 unavailable
  behind: 203 offsets, 1m31s; 21 records/s, 2.5 MB/s; ?
  batches: 30 copied as they are, 2 decoded, the last one for: gaps
  task 1 (RUNNING on two:8083) can't be asked: its worker can't tell: it is a Java worker, or an older one
   topic  partition  position  end  behind    lag  records/s  bytes/s  caught up  state
  orders          2         7    9       2   1.5s          0    0.0 B          ?  waiting: the record at 7 is too large
     pay          1        70    ?       ?      ?          0    0.0 B          ?  unavailable
     pay          0         7    8       1   2.0s          1   2.5 MB    in 1.0s  throttled: limit of the link
  orders          1        50  250     200  1m31s         20  13.2 kB   in 10.0s  copying

quiet: 1 task on 1 worker, 1 partition: 1 copying
  behind: 0 offsets, 0.0s; 0 records/s, 0.0 B/s; now
  records are copied one by one: transforms=route
`
	if diff := cmp.Diff(want, out); diff != "" || code != ExitFailure {
		t.Errorf("exit %d (-want +got):\n%s", code, diff)
	}
	if want := "connectd: A->B: 1 partition waits; A->B: 1 task can't be asked\n"; errs != want {
		t.Errorf("stderr %q, want %q", errs, want)
	}
	code, out, errs = cmdline(t, "mirror", "status", srv.URL+"/", "quiet", "-all")
	if code != ExitOK || errs != "" || !strings.Contains(out, " in          0         5    5       0  0.0s") {
		t.Errorf("exit %d, %s%s", code, out, errs)
	}
	code, out, _ = cmdline(t, "mirror", "status", "-json", srv.URL, "A->B")
	var doc mirrorStatus
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != ExitFailure {
		t.Fatalf("exit %d, %v in %s", code, err, out)
	}
	wantTotals := totals{
		Partitions: 5, States: map[string]int{"copying": 2, "throttled": 1, "waiting": 1, "unavailable": 1}, Behind: 203, LagMs: 90_500,
		RecordsPerSecond: 21, BytesPerSecond: 2_513_200, ETAMs: -1,
		Batches: 30, Decoded: 2, Lanes: map[string]int{"batch": 1}, LaneReasons: map[string]int{"gaps": 1},
	}
	if diff := cmp.Diff(wantTotals, doc.Connectors[0].Totals); diff != "" {
		t.Error(diff)
	}
}

func TestMirrorStatusFailures(t *testing.T) {
	srv := httptest.NewServer(progressServer(someProgress))
	defer srv.Close()
	withPassword := strings.Replace(srv.URL, "://", "://me:secret@", 1)
	for name, c := range map[string]struct {
		args []string
		code int
		text string
	}{
		"no url":            {nil, ExitUsage, "it needs the REST URL"},
		"no such url":       {[]string{"localhost:8083"}, ExitUsage, "the first argument is the REST URL"},
		"unknown connector": {[]string{withPassword, "x"}, ExitFailure, "me:xxxxx@"},
		"why it is unknown": {[]string{srv.URL, "x"}, ExitFailure, "404 Not Found: Connector x not found"},
		"tells nothing":     {[]string{srv.URL, "files"}, ExitFailure, "files: Tasks of FileStreamSource do not tell how far they are"},
		"unreachable":       {[]string{"http://127.0.0.1:1"}, ExitFailure, "connection refused"},
		"bad user":          {[]string{"-user", "me", srv.URL}, ExitUsage, "-user takes name:password"},
		"bad interval":      {[]string{"-interval", "0s", srv.URL}, ExitUsage, "-interval=0s"},
		"no authorities":    {[]string{"-cacert", "mirrorstatus_test.go", srv.URL}, ExitUsage, "holds no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := cmdline(t, append([]string{"mirror", "status"}, c.args...)...)
			if code != c.code || !strings.Contains(errs, c.text) || strings.Contains(errs, "secret") {
				t.Errorf("exit %d, %s", code, errs)
			}
		})
	}
}

func TestMirrorStatusWithCredentials(t *testing.T) {
	inner := progressServer(someProgress)
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, password, _ := r.BasicAuth(); name != "me" || password != "a:b" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, "User cannot access the resource.")
			return
		}
		inner.ServeHTTP(w, r)
	}))
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := cmdline(t, "mirror", "status", "-cacert", ca, "-user", "me:a:b", srv.URL, "quiet")
	if code != ExitOK || !strings.HasPrefix(out, "quiet: 1 task") {
		t.Errorf("exit %d, %s%s", code, out, errs)
	}
	code, _, errs = cmdline(t, "mirror", "status", "-insecure", srv.URL, "quiet")
	if code != ExitFailure || !strings.Contains(errs, "401 Unauthorized: User cannot access the resource.") {
		t.Errorf("exit %d, %s", code, errs)
	}
}

// TestMirrorStatusWatched shows it until it is interrupted, through an answer that fails.
func TestMirrorStatusWatched(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var asked atomic.Int32
	inner := progressServer(someProgress)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) {
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case 5:
			interrupt()
		}
		inner.ServeHTTP(w, r)
	}))
	defer srv.Close()
	var out, errs output
	code := Run(ctx, Distribution{}, []string{"mirror", "status", "-watch", "-interval", "1ms", srv.URL, "quiet"}, &out, &errs)
	if code != ExitOK || errs.String() != "" {
		t.Errorf("exit %d, %s", code, errs.String())
	}
	if n := strings.Count(out.String(), "quiet: 1 task"); n < 3 || !strings.Contains(out.String(), "503 Service Unavailable") {
		t.Errorf("%d answers are shown:\n%s", n, out.String())
	}
}

func TestScreenIsWrittenOver(t *testing.T) {
	var out output
	if n, err := (&screen{w: &out}).Write([]byte("a\nb\n")); n != 4 || err != nil {
		t.Error(n, err)
	}
	if want := "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}
