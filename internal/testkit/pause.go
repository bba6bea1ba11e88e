package testkit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// pauseTimeout bounds the wait for a process to have stopped: a thread inside a system call that cannot be interrupted stops late.
const pauseTimeout = 30 * time.Second

// Pause freezes the process (SIGSTOP) and returns when each of its threads has stopped: it keeps its connections and answers nobody.
// The signal alone is not enough: kill returns before the threads have seen it, and one that runs on another core may answer meanwhile.
func (p *Process) Pause() {
	p.t.Helper()
	p.Signal(syscall.SIGSTOP)
	pid := p.PID()
	for end := time.Now().Add(pauseTimeout); !stopped(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("testkit: %s still runs %v after SIGSTOP", p.spec.Name, pauseTimeout)
		}
	}
}

// Continue lets a paused process go on (SIGCONT).
func (p *Process) Continue() { p.t.Helper(); p.Signal(syscall.SIGCONT) }

// stopped tells whether every thread of a process is stopped (proc(5), third field of stat: T). Where there is no /proc it
// trusts the signal.
func stopped(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		return true
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			continue // the thread has ended
		}
		// The name before the state is in parentheses and may hold anything, parentheses too.
		_, state, found := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
		if found && !bytes.HasPrefix(state, []byte("T")) {
			return false
		}
	}
	return true
}
