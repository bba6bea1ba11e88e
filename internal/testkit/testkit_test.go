package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// recorder is a testing.TB that keeps what would have failed the test.
type recorder struct {
	testing.TB
	failures []string
	cleanups []func()
	skipped  bool
}

func (r *recorder) Helper()                           {}
func (r *recorder) Cleanup(f func())                  { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) { r.fail(fmt.Sprintf(format, args...)) }
func (r *recorder) Fatalf(format string, args ...any) { r.fail(fmt.Sprintf(format, args...)) }
func (r *recorder) Skip(...any)                       { r.skipped = true }
func (r *recorder) fail(message string)               { r.failures = append(r.failures, message) }

func (r *recorder) finish() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
}

func TestEventuallyReturnsOnceTheConditionHolds(t *testing.T) {
	looks := 0
	Eventually(t, time.Minute, func(context.Context) error {
		if looks++; looks < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if looks != 3 {
		t.Errorf("%d looks, want 3", looks)
	}
}

func TestEventuallyFailsWithTheLastAnswer(t *testing.T) {
	r := &recorder{TB: t}
	Eventually(r, 10*time.Millisecond, func(context.Context) error { return errors.New("the tap drips") })
	if len(r.failures) != 1 || !strings.Contains(r.failures[0], "the tap drips") {
		t.Errorf("failures: %q", r.failures)
	}
}

func TestNoLeaksSeesAGoroutineThatStays(t *testing.T) {
	leak := &recorder{TB: t}
	NoLeaks(leak)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { <-stop; close(done) }()
	before := map[string]string{}
	if err := leaked(before); err == nil || !strings.Contains(err.Error(), "TestNoLeaksSeesAGoroutineThatStays") {
		t.Errorf("the goroutine was not seen: %v", err)
	}
	close(stop)
	<-done
	leak.finish()
	if len(leak.failures) != 0 {
		t.Errorf("failures although all goroutines ended: %q", leak.failures)
	}
}

func TestMissingJavaSkipsLoudlyAndFailsInCI(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	_, err := newInstallation(current)
	if !errors.Is(err, errMissing) || !strings.Contains(err.Error(), "java is not in PATH") {
		t.Fatalf("without java: %v", err)
	}
	if err := os.WriteFile(filepath.Join(os.Getenv("PATH"), "java"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err = newInstallation(current); !errors.Is(err, errMissing) || !strings.Contains(err.Error(), "mvn is not in PATH") {
		t.Fatalf("without mvn: %v", err)
	}
	atHome, inCI := &recorder{TB: t}, &recorder{TB: t}
	t.Setenv("CI", "")
	refuse(atHome, err)
	if !atHome.skipped || len(atHome.failures) != 0 {
		t.Errorf("at home: skipped %v, failures %q", atHome.skipped, atHome.failures)
	}
	t.Setenv("CI", "true")
	refuse(inCI, err)
	if len(inCI.failures) != 1 {
		t.Errorf("in CI: failures %q", inCI.failures)
	}
}

func TestKafkaIsTheBrokerNamedByTheEnvironment(t *testing.T) {
	t.Setenv("KAFKA_BOOTSTRAP", "kafka.example:9092")
	if got := Kafka(t); got != "kafka.example:9092" {
		t.Errorf("Kafka: %q", got)
	}
}

func TestPortsAreHandedOutOnce(t *testing.T) {
	seen := map[int]bool{}
	for range 50 {
		port := FreePort(t)
		if seen[port] {
			t.Fatalf("port %d was handed out twice", port)
		}
		seen[port] = true
	}
}

// The helpers below run this test binary again as the child process.

const childRole = "CONNECTD_TESTKIT_CHILD"

func child(t *testing.T, role string) ProcessSpec {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return ProcessSpec{
		Name: role, Path: self, Args: []string{"-test.run=^TestChild$"}, Env: []string{childRole + "=" + role, "TMPDIR=" + t.TempDir()}, // a killed child cannot tidy up
		Ready: func(line string) bool { return line == "child is ready" },
	}
}

// TestChild is no test: it is what the child processes run.
func TestChild(t *testing.T) {
	switch os.Getenv(childRole) {
	case "":
		t.Skip("runs only as a child of other tests")
	case "waits":
		fmt.Println("child is ready")
		select {}
	case "fails":
		fmt.Println("out of milk")
		os.Exit(3)
	case "parent": // starts a child of its own, tells its id, and is then killed
		spec := child(t, "waits")
		p := StartProcess(t, spec)
		fmt.Printf("grandchild %d\nchild is ready\n", p.PID())
		select {}
	}
}

func TestProcessStopsKillsAndRestarts(t *testing.T) {
	NoLeaks(t)
	p := StartProcess(t, child(t, "waits"))
	first := p.PID()
	p.Stop()
	if p.Running() {
		t.Fatal("runs after Stop")
	}
	p.Restart()
	if !p.Running() || p.PID() == first {
		t.Fatalf("after Restart: running %v, pid %d, before %d", p.Running(), p.PID(), first)
	}
	if count := strings.Count(p.Log(), "child is ready"); count != 2 {
		t.Errorf("the log shows %d starts, want 2:\n%s", count, p.Log())
	}
	p.Kill()
	if code := p.ExitCode(); code != -1 {
		t.Errorf("exit code %d after SIGKILL, want -1", code)
	}
}

func TestProcessThatEndsEarlyShowsItsOutput(t *testing.T) {
	p, err := newProcess(t, child(t, "fails"))
	if err != nil {
		t.Fatal(err)
	}
	err = p.start()
	if err == nil || !strings.Contains(err.Error(), "out of milk") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("error: %v", err)
	}
}

func TestChildrenDieWithTheTestProcess(t *testing.T) {
	if childAttributes() == nil {
		t.Skip("only Linux can do that")
	}
	p := StartProcess(t, child(t, "parent"))
	var pid int
	for line := range strings.Lines(p.Log()) {
		_, _ = fmt.Sscanf(line, "grandchild %d", &pid)
	}
	if pid == 0 {
		t.Fatalf("no grandchild:\n%s", p.Log())
	}
	p.Kill()
	Eventually(t, time.Minute, func(context.Context) error {
		if err := exec.Command("kill", "-0", fmt.Sprint(pid)).Run(); err == nil && !zombie(pid) {
			return fmt.Errorf("process %d still runs", pid)
		}
		return nil
	})
}

func TestUsageCountsProcessorTimeAndMemory(t *testing.T) {
	before, err := readUsage(os.Getpid())
	if os.IsNotExist(err) {
		t.Skip("needs Linux")
	}
	if err != nil {
		t.Fatal(err)
	}
	Eventually(t, time.Minute, func(context.Context) error { // works until the count has moved
		for i := range 1 << 20 {
			_ = fmt.Sprint(i)
		}
		now, err := readUsage(os.Getpid())
		if err == nil && now.CPU <= before.CPU {
			err = errors.New("the count stands still")
		}
		return err
	})
	if before.RSS < 1<<20 || before.PeakRSS < before.RSS {
		t.Errorf("memory: %+v", before)
	}
}

func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}
