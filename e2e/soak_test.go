package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	soakPartitions = 8
	soakTasks      = 8
	soakRate       = 2000 // records a second
	soakGo         = 3    // connectd workers; one Java worker comes after them
	soakShort      = 30 * time.Second
)

// TestSoak kills and freezes workers and brokers at random while a stream is copied: three connectd and one Java worker in one
// group, one broker for each cluster. SOAK says for how long (30 s by default), SOAK_SEED which faults, SOAK_LOGS a folder to
// keep the logs in.
func TestSoak(t *testing.T) {
	t.Parallel()
	length, seed := soakSettings(t)
	t.Logf("seed %d, %v", seed, length)
	s := startSoak(t)
	s.inflict(t, seed, length)
	s.settle(t)
	s.report(t)
}

func soakSettings(t *testing.T) (length time.Duration, seed uint64) {
	t.Helper()
	length, seed = soakShort, 1
	var err error
	if text := os.Getenv("SOAK"); text != "" {
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("SOAK: %v", err)
		}
		seed = rand.Uint64N(1_000_000)
	}
	if text := os.Getenv("SOAK_SEED"); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SOAK_SEED: %v", err)
		}
	}
	return length, seed
}

// soak is what is running: places 0 to soakGo-1 of the group are connectd, the last is Java.
type soak struct {
	source, target *testkit.Broker
	group          roster
	flow           *flow
	watch          *taskWatch
}

func startSoak(t *testing.T) *soak {
	t.Helper()
	s := &soak{source: testkit.StartBroker(t, testkit.Heap("256m")), target: testkit.StartBroker(t, testkit.Heap("256m"))}
	createTopic(t, s.source.Bootstrap, "in", soakPartitions, nil)
	for i := range soakGo {
		s.group.set(i, startNode(t, s.target.Bootstrap, "soak", nil))
	}
	java := testkit.StartJavaWorker(t, s.target.Bootstrap, "soak",
		append(javaOptions(s.target.Bootstrap, "soak", nil), testkit.Heap("256m"))...)
	s.group.set(soakGo, javaNode(java))
	s.keepLogs(t)
	conf := mirrorConfig(s.source.Bootstrap, s.target.Bootstrap, "in", soakTasks)
	for _, k := range []string{"key.converter", "value.converter", "header.converter"} {
		conf[k] = "org.apache.kafka.connect.converters.ByteArrayConverter"
	}
	create(t, java.URL, "m", conf)
	awaitSpread(t, &s.group, "m", soakTasks, 0)
	s.flow = startFlow(t, s.source.Bootstrap, s.target.Bootstrap, newStream("in", soakPartitions), "S.in", soakRate)
	s.watch = watchTasks(t, &s.group, "m", soakTasks)
	return s
}

// inflict runs three lanes of faults beside each other. What happens in a lane, and in which order, follows from the seed; when
// it happens depends on how long processes take to come back.
func (s *soak) inflict(t *testing.T, seed uint64, length time.Duration) {
	t.Helper()
	workers := s.group.nodes
	lanes := []*lane{
		{victims: []victim{{"connectd 0", workers[0].Process}, {"connectd 1", workers[1].Process}}, faults: workerFaults},
		{victims: []victim{{"connectd 2", workers[2].Process}, {"Java", workers[3].Process}}, faults: workerFaults},
		{victims: []victim{{"source broker", s.source.Process}, {"target broker", s.target.Process}}, faults: brokerFaults},
	}
	begin := time.Now()
	var wait sync.WaitGroup
	for i, l := range lanes {
		l.random = rand.New(rand.NewPCG(seed, uint64(i)))
		wait.Go(func() { l.run(t, begin, length) })
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for _, l := range lanes {
		for _, v := range l.victims {
			v.revive(t)
		}
	}
}

// settle waits until the group has come to rest, and looks whether every record is then copied once: each would come twice if a
// task ran on two workers.
func (s *soak) settle(t *testing.T) {
	t.Helper()
	s.awaitHealthy(t)
	s.flow.stop(t)
	producer := kafkaClient(t, s.source.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	before, clean := int64(-1), 0
	// On a machine so busy that sessions end by themselves some rounds have records that come again, but not all of them.
	for range 100 {
		if err := s.flow.stream.produce(t.Context(), producer, soakRate); err != nil {
			t.Fatal(err)
		}
		s.flow.copied.await(t, s.flow.stream.next)
		now, _ := s.flow.copied.counts()
		if now != before {
			clean = 0
		} else if clean++; clean == 5 {
			s.awaitHealthy(t)
			s.watch.stop()
			return
		}
		before = now
	}
	t.Fatal("records come twice although nothing happens: a task runs on two workers")
}

// awaitHealthy waits until the connector runs and all its tasks do, spread over all workers.
func (s *soak) awaitHealthy(t *testing.T) {
	t.Helper()
	awaitSpread(t, &s.group, "m", soakTasks, 0)
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		var st status
		if err := s.group.nodes[0].get(ctx, "/connectors/m/status", &st); err != nil {
			return err
		}
		if st.Connector.State != "RUNNING" {
			return fmt.Errorf("the connector is %s on %s %s", st.Connector.State, st.Connector.WorkerID, st.Connector.Trace)
		}
		return nil
	})
}

func (s *soak) report(t *testing.T) {
	t.Helper()
	s.flow.copied.inOrder(t)
	duplicates, runs := s.flow.copied.counts()
	longest, task := s.watch.longestIdle()
	t.Logf("%d records sent, %d lost, %d came again in %d runs (%.2f%%)", s.flow.stream.sent.Load(),
		s.flow.copied.missing(s.flow.stream.next), duplicates, runs, 100*float64(duplicates)/float64(s.flow.copied.total()))
	t.Logf("longest time without a task %v (task %d), longest pause of a partition %v", longest.Round(time.Millisecond), task,
		s.flow.copied.longestPause())
	// Not a fault of connectd's: a Java worker that was frozen stores what it still had when it goes on, though it lost its tasks.
	back := setbacks(offsetHistory(t, s.target.Bootstrap, "soak-offsets"))
	t.Logf("stored positions went back %d times %v", len(back), back[:min(5, len(back))])
	for _, f := range s.watch.failures() {
		t.Logf("FAILED: %s", f)
	}
}

// keepLogs writes the processes' logs to the folder named by SOAK_LOGS when the test ends.
func (s *soak) keepLogs(t *testing.T) {
	dir := os.Getenv("SOAK_LOGS")
	if dir == "" {
		return
	}
	processes := map[string]*testkit.Process{"source": s.source.Process, "target": s.target.Process}
	for i, n := range s.group.nodes {
		processes[fmt.Sprintf("worker-%d", i)] = n.Process
	}
	t.Cleanup(func() {
		for name, p := range processes {
			if err := os.WriteFile(filepath.Join(dir, name+".log"), []byte(p.Log()), 0o600); err != nil {
				t.Log(err)
			}
		}
	})
}

// lane does one fault after the other to its victims.
type lane struct {
	victims []victim
	faults  []fault
	random  *rand.Rand
}

type victim struct {
	name    string
	process *testkit.Process
}

// revive does what a service manager would to a worker that found no brokers when it started. Any other end is a fault.
func (v victim) revive(t *testing.T) {
	if v.process.Running() {
		return
	}
	if log := v.process.Log(); strings.Contains(log, "panic: ") || strings.Contains(log, "fatal error: ") {
		t.Fatalf("%s crashed", v.name)
	}
	t.Logf("%s ended by itself (exit code %d) and is started again", v.name, v.process.ExitCode())
	v.process.Restart()
}

// fault is something that may happen to a process, and its end.
type fault struct {
	name              string
	shortest, longest time.Duration // how long it lasts
	rest              time.Duration // at most so long until the lane's next fault
	begin, end        func(*testkit.Process)
}

var (
	// Frozen workers come back before and after the session timeout of 6 s.
	workerFaults = []fault{
		{"SIGKILL", 0, 8 * time.Second, 6 * time.Second, (*testkit.Process).Kill, (*testkit.Process).Restart},
		{"SIGSTOP", time.Second, 12 * time.Second, 6 * time.Second, (*testkit.Process).Pause, (*testkit.Process).Continue},
	}
	brokerFaults = []fault{
		{"SIGKILL", 0, 3 * time.Second, 15 * time.Second, (*testkit.Process).Kill, (*testkit.Process).Restart},
		{"SIGTERM", 0, 3 * time.Second, 15 * time.Second, (*testkit.Process).Stop, (*testkit.Process).Restart},
		{"SIGSTOP", time.Second, 8 * time.Second, 15 * time.Second, (*testkit.Process).Pause, (*testkit.Process).Continue},
	}
)

func (l *lane) run(t *testing.T, begin time.Time, length time.Duration) {
	for {
		v, f := l.victims[l.random.IntN(len(l.victims))], l.faults[l.random.IntN(len(l.faults))]
		lasts := f.shortest + l.upTo(f.longest-f.shortest)
		rests := time.Second + l.upTo(f.rest)
		if !l.pause(t, rests, length-time.Since(begin)) {
			return
		}
		v.revive(t)
		t.Logf("%s, %.1f s: %s to %s for %.1f s", time.Now().UTC().Format("15:04:05.0"), time.Since(begin).Seconds(), f.name, v.name, lasts.Seconds())
		f.begin(v.process)
		l.pause(t, lasts, lasts)
		f.end(v.process)
	}
}

// pause waits so long; it answers false, early, when time runs out.
func (l *lane) pause(t *testing.T, d, left time.Duration) bool {
	timer := time.NewTimer(min(d, left))
	defer timer.Stop()
	select {
	case <-timer.C:
		return d <= left
	case <-t.Context().Done():
		return false
	}
}

func (l *lane) upTo(d time.Duration) time.Duration { return time.Duration(l.random.Int64N(int64(d))) }
