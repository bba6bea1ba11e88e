package testkit

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// leakGrace is how long goroutines that were told to stop may take to be gone.
const leakGrace = 10 * time.Second

// harmless marks goroutines that belong to no test: the test runner's, the runtime's, and testkit's watch over child processes.
var harmless = []string{
	"testing.(*T).Run(",
	"testing.(*M).",
	"testing.runTests",
	"testing.tRunner.func",
	"testing.runFuzzing",
	"os/signal.loop",
	"os/signal.signal_recv",
	"runtime.ensureSigM",
	"testkit.(*Process).",
	"testkit.(*logFile).",
}

// NoLeaks fails the test if goroutines that started after this call still run when the test and all cleanups registered later
// have ended. Call it first in the test; it does not suit tests that run in parallel with others.
func NoLeaks(t testing.TB) {
	t.Helper()
	before := goroutines()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), leakGrace)
		defer cancel()
		err := Poll(ctx, func(context.Context) error { return leaked(before) })
		if err != nil {
			t.Errorf("leaked goroutines: %v", err)
		}
	})
}

func leaked(before map[string]string) error {
	var stacks []string
	for id, stack := range goroutines() {
		if _, old := before[id]; !old {
			stacks = append(stacks, stack)
		}
	}
	if len(stacks) == 0 {
		return nil
	}
	return fmt.Errorf("%d:\n%s", len(stacks), strings.Join(stacks, "\n\n"))
}

// goroutines returns the stacks of all goroutines but the calling one and the harmless ones, by the goroutine's number.
func goroutines() map[string]string {
	buffer := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buffer, true)
		if n < len(buffer) {
			buffer = buffer[:n]
			break
		}
		buffer = make([]byte, 2*len(buffer))
	}
	stacks := map[string]string{}
	for i, stack := range strings.Split(string(buffer), "\n\n") {
		id, _, found := strings.Cut(strings.TrimPrefix(stack, "goroutine "), " ")
		if i == 0 || !found || isHarmless(stack) { // the first is the caller's
			continue
		}
		stacks[id] = stack
	}
	return stacks
}

func isHarmless(stack string) bool {
	for _, mark := range harmless {
		if strings.Contains(stack, mark) {
			return true
		}
	}
	return false
}
