package testkit

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// JavaProgram is a Java program of a test's own that runs beside the test and answers each line with a line.
type JavaProgram struct {
	t    testing.TB
	name string
	in   io.WriteCloser // the program's standard input
	pipe *os.File       // its standard output
	out  *bufio.Reader  // the same, by lines
	log  *logFile       // its standard error
	kill func()
	done chan struct{} // closed when the program has ended
}

// StartJava compiles and starts a Java program that consists of one source file. Kafka's jars are its class path, and what Kafka
// logs goes to standard error. Without a JDK the test is skipped with a loud line, and fails if CI=true. The program is killed when
// the test ends; a failed test shows its standard error.
func StartJava(t testing.TB, source string, args ...string) *JavaProgram {
	t.Helper()
	in := kafka(t)
	if err := in.compiler(); err != nil {
		refuse(t, err)
	}
	p, err := startJava(in, t.TempDir(), source, args)
	if err != nil {
		t.Fatalf("testkit: start %s: %v", source, err)
	}
	p.t = t
	t.Cleanup(func() {
		p.kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s: end of its standard error:\n%s", p.name, tail(p.log.String(), failureLog))
		}
		p.log.close()
		p.pipe.Close()
	})
	return p
}

func startJava(in *installation, dir, source string, args []string) (*JavaProgram, error) {
	log, err := newLogFile(dir)
	if err != nil {
		return nil, err
	}
	// A pipe of our own: Wait would close exec's, and the last answer with it.
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer writer.Close() // the program has its own copy
	ctx, cancel := context.WithCancel(context.Background())
	// Given a source file in place of a class, java compiles it first.
	command := in.command(ctx, source, args...)
	command.Stdout, command.Stderr = writer, logWriter{log}
	command.SysProcAttr = childAttributes()
	input, err := command.StdinPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	p := &JavaProgram{
		name: filepath.Base(source), in: input, pipe: reader, out: bufio.NewReader(reader), log: log, kill: cancel,
		done: make(chan struct{}),
	}
	started := make(chan error, 1)
	go p.supervise(command, started)
	if err := <-started; err != nil {
		cancel()
		return nil, err
	}
	return p, nil
}

// compiler tells whether the java in use belongs to a JDK.
func (in *installation) compiler() error {
	program, err := filepath.EvalSymlinks(in.java)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(program), "javac")); err != nil {
		return fmt.Errorf("%w: %s has no javac beside it: install a JDK, 17 or newer", errMissing, program)
	}
	return nil
}

// supervise runs the program to its end, on a thread of its own: see childAttributes.
func (p *JavaProgram) supervise(command *exec.Cmd, started chan<- error) {
	defer close(p.done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := command.Start()
	started <- err
	if err == nil {
		_ = command.Wait() // a program that ended shows where the next answer is missed
	}
}

// logWriter makes a logFile an io.Writer.
type logWriter struct{ log *logFile }

func (w logWriter) Write(data []byte) (int, error) {
	w.log.write(data)
	return len(data), nil
}

// Ask sends a line and returns the line that the program answers with, both without line ends. The test fails if the program has
// ended or takes minutes.
func (p *JavaProgram) Ask(line []byte) []byte {
	p.t.Helper()
	p.Send(line)
	return p.Receive()
}

// Send sends a line without waiting for the answer. A program that reads no further while its answers are not fetched may hold
// it up: at most one line should be unanswered.
func (p *JavaProgram) Send(line []byte) {
	p.t.Helper()
	if err := p.send(line); err != nil {
		p.t.Fatalf("testkit: %v", err)
	}
}

// Receive waits for the next answer.
func (p *JavaProgram) Receive() []byte {
	p.t.Helper()
	answer, err := p.receive()
	if err != nil {
		p.t.Fatalf("testkit: %v", err)
	}
	return answer
}

func (p *JavaProgram) send(line []byte) error {
	late := time.AfterFunc(readyTimeout, p.kill)
	defer late.Stop()
	if _, err := p.in.Write(append(line[:len(line):len(line)], '\n')); err != nil {
		return fmt.Errorf("%s ended or hung without taking a line: %w", p.name, err)
	}
	return nil
}

func (p *JavaProgram) receive() ([]byte, error) {
	late := time.AfterFunc(readyTimeout, p.kill)
	defer late.Stop()
	answer, err := p.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("%s ended or hung without an answer: %w", p.name, err)
	}
	return answer[:len(answer)-1], nil
}
