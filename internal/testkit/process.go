package testkit

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// readyTimeout is generous: it ends only tests that would never end, on machines far busier than a JVM likes.
	readyTimeout = 3 * time.Minute
	// stopTimeout is how long a process may take to end after SIGTERM: a Kafka broker moves its leaders away first, and a
	// Java mirror waits up to a minute for what it has scheduled.
	stopTimeout = 2 * time.Minute
	// failureLog is how much of a process's log a failed test shows, in bytes.
	failureLog = 16 << 10
)

// ProcessSpec says how a child process is started.
type ProcessSpec struct {
	Name string   // what messages call it
	Path string   // the program
	Args []string // its arguments, without the program's name
	Env  []string // added to the test's own environment
	Dir  string   // working folder; the test's own by default
	// Ready looks at each line of output until it answers true: then the process counts as started. Nil: at once.
	Ready func(line string) bool
}

// Process is a child process of a test: killed when the test ends, its output kept.
type Process struct {
	t    testing.TB // nil for one that outlives a test
	spec ProcessSpec
	log  *logFile

	mu  sync.Mutex
	run *processRun
}

// processRun is one life of a Process, which may be restarted.
type processRun struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended and its output is read
	err  error         // how it ended; to be read after done
}

// StartProcess starts the process and waits until it is ready; the test fails if that does not come to pass. A failed test shows
// the end of the process's output.
func StartProcess(t testing.TB, spec ProcessSpec) *Process {
	t.Helper()
	p, err := newProcess(t, spec)
	if err == nil {
		err = p.start()
	}
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	return p
}

// newProcess prepares a process that is killed when the test ends.
func newProcess(t testing.TB, spec ProcessSpec) (*Process, error) {
	log, err := newLogFile(t.TempDir())
	if err != nil {
		return nil, err
	}
	p := &Process{t: t, spec: spec, log: log}
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			t.Logf("%s: end of its output:\n%s", spec.Name, tail(p.Log(), failureLog))
		}
		log.close()
	})
	return p, nil
}

// startDetached starts a process that belongs to no single test.
func startDetached(spec ProcessSpec, dir string) (*Process, error) {
	log, err := newLogFile(dir)
	if err != nil {
		return nil, err
	}
	p := &Process{spec: spec, log: log}
	if err := p.start(); err != nil {
		log.close()
		return nil, err
	}
	return p, nil
}

// PID is the process id of the present or last run.
func (p *Process) PID() int { return p.current().cmd.Process.Pid }

// Log returns all that the process wrote so far to standard output and standard error, earlier runs included.
func (p *Process) Log() string { return p.log.String() }

// Running tells whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.current().done:
		return false
	default:
		return true
	}
}

// Done is closed when the present run has ended.
func (p *Process) Done() <-chan struct{} { return p.current().done }

// ExitCode waits for the process to end and returns its exit code, −1 when a signal ended it.
func (p *Process) ExitCode() int {
	run := p.current()
	<-run.done
	return run.cmd.ProcessState.ExitCode()
}

// Stop asks the process to end (SIGTERM) and waits until it has; one that takes more than a minute fails the test.
func (p *Process) Stop() {
	p.t.Helper()
	if err := p.stop(); err != nil {
		p.t.Fatalf("testkit: %v", err)
	}
}

// Kill ends the process without warning (SIGKILL) and waits until it is gone.
func (p *Process) Kill() { p.end() }

// Signal sends a signal; a process that has ended already fails the test.
func (p *Process) Signal(signal syscall.Signal) {
	p.t.Helper()
	if err := p.current().cmd.Process.Signal(signal); err != nil {
		p.t.Fatalf("testkit: %v to %s: %v", signal, p.spec.Name, err)
	}
}

// Restart kills the process if it still runs, starts it anew with the same arguments and waits until it is ready.
func (p *Process) Restart() {
	p.t.Helper()
	p.end()
	if err := p.start(); err != nil {
		p.t.Fatalf("testkit: restart: %v", err)
	}
}

func (p *Process) current() *processRun {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

// stop sends SIGTERM and waits; what takes too long is killed.
func (p *Process) stop() error {
	run := p.current()
	if err := run.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", p.spec.Name, err)
	}
	select {
	case <-run.done:
		return nil
	case <-time.After(stopTimeout):
		p.end()
		return fmt.Errorf("%s still ran %v after SIGTERM", p.spec.Name, stopTimeout)
	}
}

// end kills what runs, if anything does.
func (p *Process) end() {
	run := p.current()
	if run == nil {
		return
	}
	_ = run.cmd.Process.Kill() // fails only when it has ended
	<-run.done
}

// start begins a run and waits until the process is ready or has failed.
func (p *Process) start() error {
	run := &processRun{done: make(chan struct{})}
	started, ready := make(chan error, 1), p.log.watch(p.spec.Ready)
	go p.supervise(run, started)
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.spec.Name, err)
	}
	p.mu.Lock()
	p.run = run
	p.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-run.done:
		return fmt.Errorf("%s ended before it was ready (%v):\n%s", p.spec.Name, run.err, tail(p.Log(), failureLog))
	case <-time.After(readyTimeout):
		p.end()
		return fmt.Errorf("%s was not ready after %v:\n%s", p.spec.Name, readyTimeout, tail(p.Log(), failureLog))
	}
}

// supervise starts the process and sees it through to its end, on a thread of its own: see childAttributes.
func (p *Process) supervise(run *processRun, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	reader, writer, err := os.Pipe()
	if err != nil {
		started <- err
		return
	}
	defer reader.Close()
	run.cmd = exec.Command(p.spec.Path, p.spec.Args...)
	run.cmd.Env = append(os.Environ(), p.spec.Env...)
	run.cmd.Dir = p.spec.Dir
	run.cmd.Stdout, run.cmd.Stderr = writer, writer
	run.cmd.SysProcAttr = childAttributes()
	err = run.cmd.Start()
	writer.Close()
	started <- err
	if err != nil {
		return
	}
	p.log.readFrom(reader)
	run.err = run.cmd.Wait()
	close(run.done)
}

// logFile keeps a process's output in a file and looks through its lines for the one that says "ready".
type logFile struct {
	mu    sync.Mutex
	file  *os.File
	line  strings.Builder // the line not yet ended
	match func(string) bool
	ready chan struct{}
}

func newLogFile(dir string) (*logFile, error) {
	file, err := os.CreateTemp(dir, "log-*.txt")
	if err != nil {
		return nil, err
	}
	return &logFile{file: file}, nil
}

// watch returns a channel that is closed once a line written from now on matches; at once when match is nil.
func (l *logFile) watch(match func(string) bool) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.match, l.ready = match, make(chan struct{})
	l.line.Reset()
	if match == nil {
		close(l.ready)
	}
	return l.ready
}

// readFrom reads until all writers of the pipe are gone.
func (l *logFile) readFrom(reader *os.File) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := reader.Read(buffer)
		l.write(buffer[:n])
		if err != nil {
			return
		}
	}
}

func (l *logFile) write(data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.file.Write(data) // output is a help for people; a full disk shows elsewhere
	for text := string(data); l.match != nil && text != ""; {
		part, rest, ended := strings.Cut(text, "\n")
		l.line.WriteString(part)
		if ended {
			if l.match(l.line.String()) {
				l.match = nil
				close(l.ready)
			}
			l.line.Reset()
		}
		text = rest
	}
}

func (l *logFile) String() string {
	data, err := os.ReadFile(l.file.Name())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err.Error()
	}
	return string(data)
}

func (l *logFile) close() { l.file.Close() }

// tail returns the last size bytes, from the start of a line.
func tail(text string, size int) string {
	if len(text) <= size {
		return text
	}
	text = text[len(text)-size:]
	_, text, _ = strings.Cut(text, "\n")
	return text
}
