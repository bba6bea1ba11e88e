package kafka

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/client"
)

// What the clients of an idle worker cost: three internal topics that are tailed. Needs -lane.target.
func TestLaneIdle(t *testing.T) {
	if *laneTarget == "" {
		t.Skip("needs -lane.target")
	}
	servers := map[string]string{"bootstrap.servers": *laneTarget}
	a, err := NewAdmin(servers, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := logs(t, servers, false)
	for name, n := range map[string]int32{"idle-configs": 1, "idle-offsets": 25, "idle-status": 5} {
		if _, err := a.EnsureTopic(within(t), client.TopicSpec{Name: name, Partitions: n, Replication: 1}, name, name); err != nil {
			t.Fatal(err)
		}
		var got tail
		if err := open(t, l, name, &got).Append(within(t), kv("k", "v")); err != nil {
			t.Fatal(err)
		}
	}
	a.Close()
	const span = 15 * time.Second
	cpu := cpuTime()
	time.Sleep(span)
	cpu = cpuTime() - cpu
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "Threads") {
			t.Log(strings.TrimSpace(line))
		}
	}
	t.Logf("%.2f%% of a core", 100*cpu.Seconds()/span.Seconds())
}
