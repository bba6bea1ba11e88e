package app

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/rest/api"
)

// listed is how many partitions are listed of a connector where not all are asked for.
const listed = 20

// mirrorStatus is how far some mirrors are.
type mirrorStatus struct {
	Connectors []connectorStatus `json:"connectors"`
}

// connectorStatus is the progress of one connector, with sums.
type connectorStatus struct {
	Name       string                  `json:"name"`
	Message    string                  `json:"message,omitempty"`
	Totals     totals                  `json:"totals"`
	Tasks      []api.TaskProgress      `json:"tasks"`
	Partitions []api.PartitionProgress `json:"partitions"` // the worst first
}

// totals sum up a connector's partitions. Unknown numbers are left out of sums; -1 where nothing is known.
type totals struct {
	Partitions int            `json:"partitions"`
	States     map[string]int `json:"states"`
	// Behind is the number of offsets that are not copied, LagMs the greatest age in milliseconds.
	Behind           int64   `json:"behind"`
	LagMs            int64   `json:"lag_ms"`
	RecordsPerSecond float64 `json:"records_per_second"`
	BytesPerSecond   float64 `json:"bytes_per_second"`
	ETAMs            int64   `json:"eta_ms"`
	// Batches were copied as they are, Decoded had to be decoded. Lanes is how many partitions go which way, LaneReasons why not as
	// whole batches: each with the number of partitions that it is given for.
	Batches     int64          `json:"batches"`
	Decoded     int64          `json:"decoded_batches"`
	Lanes       map[string]int `json:"lanes"`
	LaneReasons map[string]int `json:"lane_reasons"`
}

func newConnectorStatus(p api.ConnectorProgress) connectorStatus {
	s := connectorStatus{
		Name: p.Name, Message: p.Message, Tasks: p.Tasks, Partitions: p.Partitions,
		Totals: totals{Partitions: len(p.Partitions), States: map[string]int{}, Lanes: map[string]int{}, LaneReasons: map[string]int{}},
	}
	if s.Partitions == nil {
		s.Partitions = []api.PartitionProgress{}
	}
	if s.Tasks == nil {
		s.Tasks = []api.TaskProgress{}
	}
	for i := range p.Partitions {
		s.Totals.add(&p.Partitions[i])
	}
	slices.SortStableFunc(s.Partitions, func(a, b api.PartitionProgress) int {
		return cmp.Or(cmp.Compare(severity[b.State], severity[a.State]), cmp.Compare(b.LagMs, a.LagMs), cmp.Compare(b.Behind(), a.Behind()))
	})
	return s
}

// severity orders states.
var severity = map[string]int{api.ProgressUnavailable: 2, connect.ProgressWaiting: 3, connect.ProgressThrottled: 1}

func (t *totals) add(p *api.PartitionProgress) {
	t.States[p.State]++
	behind := p.Behind()
	t.Behind += max(0, behind)
	t.LagMs = max(t.LagMs, p.LagMs)
	t.RecordsPerSecond += p.RecordsPerSecond
	t.BytesPerSecond += p.BytesPerSecond
	t.Batches, t.Decoded = t.Batches+p.Batches, t.Decoded+p.Decoded
	if p.Lane != "" {
		t.Lanes[p.Lane]++
	}
	if p.LaneReason != "" {
		t.LaneReasons[p.LaneReason]++
	}
	switch {
	case p.ETAMs < 0 && behind != 0, t.ETAMs < 0:
		t.ETAMs = -1
	default:
		t.ETAMs = max(t.ETAMs, p.ETAMs)
	}
}

// trouble tells what does not go on; nil when all does.
func (m mirrorStatus) trouble() error {
	var what []string
	for _, c := range m.Connectors {
		if n := c.Totals.States[connect.ProgressWaiting]; n > 0 {
			what = append(what, fmt.Sprintf("%s: %s", c.Name, count(n, "partition waits", "partitions wait")))
		}
		unasked := 0
		for _, t := range c.Tasks {
			if !t.Available {
				unasked++
			}
		}
		if unasked > 0 && c.Message == "" {
			what = append(what, fmt.Sprintf("%s: %s", c.Name, count(unasked, "task can't be asked", "tasks can't be asked")))
		}
		if c.Message != "" {
			what = append(what, c.Name+": "+c.Message)
		}
	}
	if len(what) == 0 {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(what, "; "))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func (m mirrorStatus) json() ([]byte, error) {
	if m.Connectors == nil {
		m.Connectors = []connectorStatus{}
	}
	b, err := json.Marshal(m)
	return append(b, '\n'), err
}

func (m mirrorStatus) text(all bool) string {
	var b strings.Builder
	if len(m.Connectors) == 0 {
		b.WriteString("No connector here tells how far it is.\n")
	}
	for i, c := range m.Connectors {
		if i > 0 {
			b.WriteString("\n")
		}
		c.write(&b, all)
	}
	return b.String()
}

func (c *connectorStatus) write(b *strings.Builder, all bool) {
	workers := map[string]bool{}
	for _, t := range c.Tasks {
		if t.WorkerID != "" {
			workers[t.WorkerID] = true
		}
	}
	fmt.Fprintf(b, "%s: %s on %s, %s%s\n", c.Name, count(len(c.Tasks), "task", "tasks"), count(len(workers), "worker", "workers"),
		count(c.Totals.Partitions, "partition", "partitions"), c.Totals.states())
	if c.Message != "" {
		fmt.Fprintf(b, "  %s\n", c.Message)
	}
	t := &c.Totals
	if t.Partitions > 0 {
		fmt.Fprintf(b, "  behind: %d offsets, %s; %.0f records/s, %s/s; %s\n", t.Behind, age(t.LagMs), t.RecordsPerSecond,
			size(t.BytesPerSecond), arrival(t.ETAMs))
	}
	if lane := t.lane(); lane != "" {
		fmt.Fprintf(b, "  %s\n", lane)
	}
	for _, task := range c.Tasks {
		if !task.Available && c.Message == "" {
			fmt.Fprintf(b, "  task %d (%s on %s) can't be asked: %s\n", task.ID, task.State, cmp.Or(task.WorkerID, "no worker"), task.Reason)
		}
	}
	c.table(b, all)
}

// lane words how records travel: in the batches that they lie in at the source, or why not. Empty where nothing is known.
func (t *totals) lane() string {
	reasons := slices.SortedFunc(maps.Keys(t.LaneReasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(t.LaneReasons[b], t.LaneReasons[a]), cmp.Compare(a, b))
	})
	why := append(reasons, "")[0]
	switch {
	case t.Lanes[connect.LaneRecord] > 0:
		return "records are copied one by one: " + why
	case t.Decoded > 0:
		return fmt.Sprintf("batches: %d copied as they are, %d decoded, the last one for: %s", t.Batches, t.Decoded, why)
	case t.Batches > 0:
		return fmt.Sprintf("batches: %d copied as they are", t.Batches)
	}
	return ""
}

func (t *totals) states() string {
	var out []string
	for _, s := range []string{connect.ProgressCopying, connect.ProgressThrottled, connect.ProgressWaiting, api.ProgressUnavailable} {
		if n := t.States[s]; n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return ": " + strings.Join(out, ", ")
}

// table lists partitions: all, or those that are not where they should be, the worst first.
func (c *connectorStatus) table(b *strings.Builder, all bool) {
	shown := c.Partitions
	if !all {
		shown = slices.DeleteFunc(slices.Clone(shown), func(p api.PartitionProgress) bool {
			return p.State == connect.ProgressCopying && p.Behind() == 0
		})
	}
	more := 0
	if !all && len(shown) > listed {
		more, shown = len(shown)-listed, shown[:listed]
	}
	if len(shown) == 0 {
		return
	}
	w := tabwriter.NewWriter(b, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "topic\tpartition\tposition\tend\tbehind\tlag\trecords/s\tbytes/s\tcaught up\t  state\n")
	for i := range shown {
		p := &shown[i]
		state := p.State
		if p.Reason != "" {
			state += ": " + strings.ReplaceAll(p.Reason, "\n", " ")
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%.0f\t%s\t%s\t  %s\n", p.Topic, p.Partition, known(p.Position), known(p.End), known(p.Behind()),
			age(p.LagMs), p.RecordsPerSecond, size(p.BytesPerSecond), arrival(p.ETAMs), state)
	}
	_ = w.Flush() // a strings.Builder takes all
	if more > 0 {
		fmt.Fprintf(b, "  and %s; -all lists them\n", count(more, "other partition", "other partitions"))
	}
}

func known(n int64) string {
	if n < 0 {
		return "?"
	}
	return strconv.FormatInt(n, 10)
}

// age is a time in milliseconds for people.
func age(ms int64) string {
	switch d := time.Duration(ms) * time.Millisecond; {
	case ms < 0:
		return "?"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	case d < 24*time.Hour:
		return d.Round(time.Second).String()
	default:
		return fmt.Sprintf("%.1f days", d.Hours()/24)
	}
}

func arrival(ms int64) string {
	switch {
	case ms == 0:
		return "now"
	case ms < 0:
		return "?"
	}
	return "in " + age(ms)
}

// size is a number of bytes for people.
func size(n float64) string {
	for _, unit := range []string{"B", "kB", "MB"} {
		if n < 1000 {
			return fmt.Sprintf("%.1f %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.1f GB", n)
}
