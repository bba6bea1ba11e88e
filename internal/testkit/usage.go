package testkit

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process has taken from the machine so far.
type Usage struct {
	CPU     time.Duration // user and system time of all its threads
	RSS     int64         // resident memory now, bytes
	PeakRSS int64         // the most resident memory it had, bytes
}

// ticksPerSecond is the unit of times in /proc, which is fixed for every Linux that Go runs on.
const ticksPerSecond = 100

// Usage reads what the process has taken. It needs Linux; the test fails where there is no /proc or the process has ended.
func (p *Process) Usage() Usage {
	p.t.Helper()
	usage, err := readUsage(p.PID())
	if err != nil {
		p.t.Fatalf("testkit: usage of %s: %v", p.spec.Name, err)
	}
	return usage
}

// readUsage reads /proc of a process.
func readUsage(pid int) (Usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}, err
	}
	// The program's name, in parentheses, may hold anything; after it, user and system time are the 12th and 13th field.
	fields := strings.Fields(string(stat)[strings.LastIndex(string(stat), ")")+1:])
	if len(fields) < 13 {
		return Usage{}, fmt.Errorf("unexpected /proc stat: %q", stat)
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return Usage{}, err
		}
		ticks += n
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Usage{}, err
	}
	usage := Usage{CPU: time.Duration(ticks) * time.Second / ticksPerSecond}
	for line := range strings.Lines(string(status)) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kilobytes); n == 1 {
			usage.RSS = kilobytes << 10
		}
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
			usage.PeakRSS = kilobytes << 10
		}
	}
	return usage, nil
}
