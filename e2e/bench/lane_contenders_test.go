package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/connectd/connectd/internal/testkit"
)

// Names of the contenders, as CONNECTD_BENCH_ONLY has them.
const (
	nameOurs, nameRecords, nameLoop, nameJava, nameTuned, nameRelay = "connectd", "records", "loop", "java", "java-tuned", "relay"
)

// byRecords makes a mirror take its record lane: a transformation that no record ever meets.
var byRecords = map[string]string{
	"transforms": "none", "transforms.none.type": "org.apache.kafka.connect.transforms.Filter", "transforms.none.predicate": "never",
	"predicates": "never", "predicates.never.type": "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
}

// tuned is what makes Kafka's mirror fast: a producer that compresses as the source does, with large batches.
func (l *laneBench) tuned() map[string]string {
	return map[string]string{
		"producer.override.batch.size": "1000000", "producer.override.linger.ms": "10", "producer.override.compression.type": l.codec,
		"producer.override.max.in.flight.requests.per.connection": "5", "producer.override.enable.idempotence": "true",
	}
}

// ours is connectd as it comes.
func (l *laneBench) ours() []*laneResult {
	return l.byWorker(startConnectd, way{name: nameOurs})
}

// recordLane is connectd where records must be looked at, so that it writes batches of its own: in the source's codec.
func (l *laneBench) recordLane() []*laneResult {
	props := map[string]string{"producer.override.compression.type": l.codec}
	maps.Copy(props, byRecords)
	return l.byWorker(startConnectd, way{name: nameRecords, props: props})
}

// java is Kafka's worker as it comes, and tuned, by one process: the tuned one finds everything compiled. Before either counts it
// has copied for a while.
func (l *laneBench) java() []*laneResult {
	return l.byWorker(startJava, way{name: nameJava, warm: 25 * time.Second}, way{name: nameTuned, props: l.tuned(), warm: 8 * time.Second})
}

// way is a manner in which a worker copies.
type way struct {
	name  string
	props map[string]string // of the connector, besides those that all have
	warm  time.Duration     // CPU time that passes before it counts
}

// byWorker has a fresh worker copy in some ways.
func (l *laneBench) byWorker(start func(*testing.B, string) worker, ways ...way) (results []*laneResult) {
	var w worker
	for _, way := range ways {
		if !l.wanted(way.name) {
			continue
		}
		if w.process == nil {
			w = start(l.B, l.target.Bootstrap)
		} else {
			forgetPeak(l.B, w.process)
		}
		r := &laneResult{name: way.name}
		for warmed := (laneResult{name: way.name}); warmed.cpu < way.warm; {
			l.copyOnce(w, way, way.warm-warmed.cpu, &warmed)
		}
		for passes := 0; r.cpu < l.cpu && passes < mostPasses; passes++ {
			l.copyOnce(w, way, l.cpu-r.cpu, r)
		}
		if l.withLatency() {
			r.p50, r.p99 = l.lateness(func(topic string) (string, func()) { return l.connect(w, way, topic) })
		}
		r.peakRSS = w.process.Usage().PeakRSS
		results = append(results, r)
	}
	if w.process != nil {
		w.process.Stop()
	}
	return results
}

// mostPasses bounds how often a topic is copied by a contender that is too fast for it.
const mostPasses = 8

// copyOnce has a worker copy the topic, or as much of it as takes so much CPU time.
func (l *laneBench) copyOnce(w worker, way way, enough time.Duration, r *laneResult) {
	copied, stop := l.connect(w, way, l.topic)
	l.watch(w.process, copied, enough, r)
	if r.note == "" {
		alias, _, _ := strings.Cut(copied, ".")
		r.note = laneOf(l.B, w, alias)
	}
	stop()
}

// connect has a worker begin to copy a topic. It gives the copy's name, and what ends and removes it.
func (l *laneBench) connect(w worker, way way, topic string) (copied string, stop func()) {
	alias := l.nextAlias()
	conf := mirrorBytes(alias, l.source.Bootstrap, l.target.Bootstrap, topic, l.tasks)
	maps.Copy(conf, way.props)
	createConnector(l.B, w, alias, conf)
	copied = alias + "." + topic
	return copied, func() {
		deleteConnector(l.B, w, alias)
		l.settle(copied)
		l.remove(l.target, copied)
	}
}

// mirrorBytes is the config of a mirror that leaves keys, values and headers as they are.
func mirrorBytes(alias, source, target, topics string, tasks int) map[string]string {
	bytesConverter := "org.apache.kafka.connect.converters.ByteArrayConverter"
	return map[string]string{
		"connector.class": "org.apache.kafka.connect.mirror.MirrorSourceConnector", "tasks.max": fmt.Sprint(tasks),
		"source.cluster.alias": alias, "target.cluster.alias": "T",
		"source.cluster.bootstrap.servers": source, "target.cluster.bootstrap.servers": target,
		"topics": topics, "replication.factor": "1", "offset-syncs.topic.replication.factor": "1", "sync.topic.acls.enabled": "false",
		"key.converter": bytesConverter, "value.converter": bytesConverter, "header.converter": bytesConverter,
	}
}

func createConnector(b *testing.B, w worker, name string, conf map[string]string) {
	body, err := json.Marshal(map[string]any{"name": name, "config": conf})
	if err != nil {
		b.Fatal(err)
	}
	request(b, http.MethodPost, w.url+"/connectors", body, http.StatusCreated)
}

func deleteConnector(b *testing.B, w worker, name string) {
	request(b, http.MethodDelete, w.url+"/connectors/"+name, nil, http.StatusNoContent)
}

// request makes a request, again while the workers' group is not ready for it.
func request(b *testing.B, method, url string, body []byte, want int) {
	for began := time.Now(); ; pause(b, 100*time.Millisecond) {
		status, answer, err := call(b.Context(), method, url, body)
		switch {
		case err == nil && status == want:
			return
		case err == nil && status != http.StatusConflict || time.Since(began) > time.Minute:
			b.Fatalf("%s %s: %d %s %v", method, url, status, answer, err)
		}
	}
}

// laneOf tells which lane a connector took, if its worker tells.
func laneOf(b *testing.B, w worker, connector string) string {
	status, answer, err := call(b.Context(), http.MethodGet, w.url+"/connectors/"+connector+"/progress", nil)
	if err != nil || status != http.StatusOK {
		return "" // a Java worker
	}
	var progress struct {
		Partitions []struct {
			Lane    string `json:"lane"`
			Reason  string `json:"lane_reason"`
			Batches int64  `json:"batches"`
			Decoded int64  `json:"decoded_batches"`
		} `json:"partitions"`
	}
	if err := json.Unmarshal([]byte(answer), &progress); err != nil {
		b.Fatal(err)
	}
	of, why := map[string]int{}, ""
	var batches, decoded int64
	for _, p := range progress.Partitions {
		of[p.Lane]++
		batches, decoded = batches+p.Batches, decoded+p.Decoded
		if p.Reason != "" {
			why = "; " + p.Reason
		}
	}
	return fmt.Sprintf("partitions by lane %v, %d batches as they are, %d decoded%s", of, batches, decoded, why)
}

// forgetPeak has the peak of a process's memory begin anew.
func forgetPeak(b *testing.B, p *testkit.Process) {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.PID()), []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
}

// peer builds the program of that name once for a benchmark.
func (l *laneBench) peer() string {
	bin := filepath.Join(l.TempDir(), "peer")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", bin, "./peer").CombinedOutput(); err != nil {
		l.Fatalf("building peer: %v\n%s", err, out)
	}
	return bin
}

// loop is a plain loop over franz-go's consumer and producer.
func (l *laneBench) loop() []*laneResult {
	if !l.wanted(nameLoop) {
		return nil
	}
	bin, r := l.peer(), &laneResult{name: nameLoop}
	var process *testkit.Process
	begin := func(topic string) (string, func()) {
		copied := l.nextAlias() + "." + topic
		if resp, err := l.admin.CreateTopic(l.Context(), partitions, 1, nil, copied); err != nil || resp.Err != nil {
			l.Fatal(err, resp.Err)
		}
		process = testkit.StartProcess(l, testkit.ProcessSpec{
			Name: "peer", Path: bin, Args: []string{"loop", l.source.Bootstrap, l.target.Bootstrap, topic, copied, l.codec},
		})
		return copied, func() {
			r.peakRSS = max(r.peakRSS, process.Usage().PeakRSS)
			process.Stop()
			l.remove(l.target, copied)
		}
	}
	for passes := 0; r.cpu < l.cpu && passes < mostPasses; passes++ {
		copied, stop := begin(l.topic)
		l.watch(process, copied, l.cpu-r.cpu, r)
		stop()
	}
	if l.withLatency() {
		r.p50, r.p99 = l.lateness(begin)
	}
	return []*laneResult{r}
}

// relay hands on bytes from one socket to another and checksums them. Both other ends are in this process, which does not count.
func (l *laneBench) relay() []*laneResult {
	if !l.wanted(nameRelay) {
		return nil
	}
	sink, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.Fatal(err)
	}
	defer sink.Close()
	var passed atomic.Int64
	go func() {
		c, err := sink.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, 1<<20)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			passed.Add(int64(n))
		}
	}()
	listening := make(chan string, 1)
	process := testkit.StartProcess(l, testkit.ProcessSpec{
		Name: "relay", Path: l.peer(), Args: []string{"relay", sink.Addr().String()},
		Ready: func(line string) bool {
			address, is := strings.CutPrefix(line, "listening ")
			if is {
				listening <- address
			}
			return is
		},
	})
	source, err := net.Dial("tcp", <-listening)
	if err != nil {
		l.Fatal(err)
	}
	defer source.Close()
	go func() { _, _ = io.Copy(source, endless{}) }()
	pause(l.B, time.Second)
	r := &laneResult{name: nameRelay}
	first := l.now(process, passed.Load())
	for last := first; r.cpu < l.cpu; {
		pause(l.B, 25*time.Millisecond)
		last = l.now(process, passed.Load())
		r.cpu, r.wall, r.wire = last.cpu-first.cpu, last.at.Sub(first.at), float64(last.copied-first.copied)
	}
	r.peakRSS = process.Usage().PeakRSS
	process.Stop()
	return []*laneResult{r}
}

// endless writes the same megabyte until that fails.
type endless struct{}

func (endless) Read([]byte) (int, error) { return 0, io.EOF }

func (endless) WriteTo(w io.Writer) (n int64, err error) {
	buf := make([]byte, 1<<20)
	for i := range buf {
		buf[i] = byte(i * i >> 3)
	}
	for err == nil {
		var wrote int
		wrote, err = w.Write(buf)
		n += int64(wrote)
	}
	return n, err
}

// createLive makes a topic for records that come slowly.
func (l *laneBench) createLive(topic string) {
	if resp, err := kadm.NewClient(client(l.B, l.source.Bootstrap)).CreateTopic(l.Context(), partitions, 1, nil, topic); err != nil || resp.Err != nil {
		l.Fatal(err, resp.Err)
	}
}
