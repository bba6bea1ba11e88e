package inspect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// TextOptions choose what the text shows. The JSON document holds all of it.
type TextOptions struct {
	// Traces shows stack traces in full, instead of their first lines.
	Traces bool
}

// shownSkipped bounds how many skipped records the text lists of a topic.
const shownSkipped = 50

// page is a text that grows.
type page struct {
	strings.Builder
	o TextOptions
}

func (p *page) linef(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// table writes rows in columns; the first row is the heading, if there is one. Cells come from plain.
func (p *page) table(indent string, rows [][]string) {
	var b strings.Builder // takes everything: no error to look at
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, indent+strings.Join(row, "\t"))
	}
	_ = w.Flush()
	for line := range strings.Lines(b.String()) {
		p.linef("%s", strings.TrimRight(line, " \n"))
	}
}

// Text gives the report for people.
func (r *Report) Text(o TextOptions) string {
	p := &page{o: o}
	name := "Connect cluster"
	if r.Cluster.Group != "" {
		name += " " + plain(r.Cluster.Group)
	}
	p.linef("%s at %s (Kafka cluster %s)", name, plain(r.Cluster.BootstrapServers), plain(r.Cluster.ID))
	if r.Configs != nil {
		p.configs(r.Configs)
	}
	if r.Offsets != nil {
		p.offsets(r.Offsets)
	}
	if r.Statuses != nil {
		p.statuses(r.Statuses)
	}
	return p.String()
}

func (p *page) topic(what string, t Topic, more string) {
	p.linef("\n%s: topic %s, %s, %s (%s), %s%s", what, t.Name, plural(int(t.Partitions), "partition", "partitions"),
		plural(t.Records, "record", "records"), plural(t.Tombstones, "tombstone", "tombstones"), plural(t.Keys, "live key", "live keys"), more)
}

// end of a topic: what is wrong with it.
func (p *page) end(t Topic) {
	p.problems("", t.Problems)
	if len(t.Skipped) == 0 {
		return
	}
	p.linef("\n  Records that workers skip")
	rows := [][]string{{"PARTITION", "OFFSET", "TIME", "KEY", "REASON"}}
	for i, s := range t.Skipped {
		if i == shownSkipped {
			break
		}
		rows = append(rows, []string{fmt.Sprint(s.Partition), fmt.Sprint(s.Offset), when(s.At), plain(short(s.Key, 100)), plain(s.Reason)})
	}
	p.table("  ", rows)
	if n := len(t.Skipped) - shownSkipped; n > 0 {
		p.linef("  and %s", plural(n, "more", "more"))
	}
}

func (p *page) problems(name string, list []string) {
	for _, s := range list {
		if name != "" {
			s = plain(name) + ": " + s
		}
		p.linef("  ! %s", s)
	}
}

// when is a time to the second.
func when(a At) string {
	if a.Time == nil {
		return "-"
	}
	head, _, _ := strings.Cut(*a.Time, ".")
	return head + "Z"
}

// where places a record.
func where(a At) string { return fmt.Sprintf("offset %d, %s", a.Offset, when(a)) }

func (p *page) configs(c *Configs) {
	p.topic("CONFIGS", c.Topic, fmt.Sprintf(", next offset %d", c.NextOffset))
	if k := c.SessionKey; k != nil {
		p.linef("  Session key: %s, created %s, %s", plain(k.Algorithm), k.Created, where(k.Record))
	} else {
		p.linef("  Session key: none")
	}
	if len(c.Loggers) > 0 {
		p.linef("\n  Logger levels for the cluster")
		rows := [][]string{{"LOGGER", "LEVEL", "OFFSET", "TIME"}}
		for _, l := range c.Loggers {
			rows = append(rows, []string{plain(l.Logger), plain(l.Level), fmt.Sprint(l.Record.Offset), when(l.Record)})
		}
		p.table("  ", rows)
	}
	if len(c.Connectors) > 0 {
		p.linef("")
		rows := [][]string{{"CONNECTOR", "TARGET", "TASKS", "FENCED", "CONFIG AT", "COMMIT AT", "RESTART REQUESTED"}}
		for _, conn := range c.Connectors {
			rows = append(rows, conn.row())
		}
		p.table("  ", rows)
	}
	for _, conn := range c.Connectors {
		p.problems(conn.Name, conn.Problems)
	}
	p.end(c.Topic)
	for _, conn := range c.Connectors {
		p.connector(conn)
	}
}

// row is a connector's line in the overview.
func (c *ConnectorConfig) row() []string {
	tasks, fenced, config, commit, restart := "-", "-", "-", "-", "-"
	if c.Commit != nil {
		tasks, commit = fmt.Sprint(len(c.Tasks)), fmt.Sprint(c.Commit.Record.Offset)
		if len(c.Tasks) != c.Commit.Tasks {
			tasks = fmt.Sprintf("%d of %d", len(c.Tasks), c.Commit.Tasks)
		}
	}
	if c.TaskCount != nil {
		fenced = fmt.Sprint(c.TaskCount.Tasks)
	}
	if c.ConfigRecord != nil {
		config = fmt.Sprint(c.ConfigRecord.Offset)
	}
	target := c.TargetState
	if !c.Exists {
		target = "(deleted)"
	}
	if r := c.LastRestart; r != nil {
		restart = when(r.Record)
		if r.IncludeTasks {
			restart += " with tasks"
		}
		if r.OnlyFailed {
			restart += ", failed only"
		}
	}
	return []string{plain(c.Name), target, tasks, fenced, config, commit, restart}
}

func (p *page) connector(c ConnectorConfig) {
	if c.Exists {
		p.linef("\n  %s: config, %s", plain(c.Name), where(*c.ConfigRecord))
		p.properties(c.Config, nil)
	}
	for _, t := range c.Tasks {
		p.linef("\n  %s: task %d, %s", plain(c.Name), t.Task, where(t.Record))
		p.properties(t.Config, c.Config)
	}
	for _, t := range c.IgnoredTasks {
		p.linef("\n  %s: task %d, %s: does not count (%s)", plain(c.Name), t.Task.Task, where(t.Record), t.Reason)
		p.properties(t.Config, c.Config)
	}
}

// properties lists a config; what is the same as in the connector's is only counted.
func (p *page) properties(config, of map[string]string) {
	var rows [][]string
	same := 0
	for _, k := range slices.Sorted(maps.Keys(config)) {
		if v, has := of[k]; has && v == config[k] {
			same++
			continue
		}
		rows = append(rows, []string{plain(k), plain(config[k])})
	}
	p.table("    ", rows)
	if same > 0 {
		p.linef("    and %s as in the connector's config", plural(same, "property", "properties"))
	}
}

func (p *page) offsets(o *Offsets) {
	p.topic("OFFSETS", o.Topic, "")
	for _, c := range o.Connectors {
		p.problems(c.Name, c.Problems)
	}
	p.end(o.Topic)
	for _, c := range o.Connectors {
		p.linef("\n  %s: %s", plain(c.Name), plural(len(c.Partitions), "source partition", "source partitions"))
		rows := [][]string{{"SOURCE PARTITION", "SOURCE OFFSET", "RECORD", "TIME"}}
		for _, s := range c.Partitions {
			rows = append(rows, []string{plain(string(s.Partition)), plain(string(s.Offset)), fmt.Sprintf("%d/%d", s.Record.Partition, s.Record.Offset), when(s.Record)})
		}
		p.table("    ", rows)
	}
}

func (p *page) statuses(s *Statuses) {
	p.topic("STATUSES", s.Topic, "")
	for _, c := range s.Connectors {
		p.problems(c.Name, c.Problems)
	}
	p.end(s.Topic)
	if len(s.Connectors) == 0 {
		return
	}
	rows := [][]string{{"CONNECTOR", "TASK", "STATE", "WORKER", "GENERATION", "VERSION", "TIME", "TRACE"}}
	var traces []string
	add := func(name, task string, st Status) {
		trace := ""
		if st.Trace != nil {
			first, _, more := strings.Cut(strings.TrimRight(*st.Trace, "\r\n"), "\n")
			trace = plain(strings.TrimRight(first, "\r"))
			if more && p.o.Traces {
				traces = append(traces, fmt.Sprintf("%s %s\n%s", plain(name), task, lines(*st.Trace)))
			}
		}
		version := "-"
		if st.Version != nil {
			version = plain(*st.Version)
		}
		rows = append(rows, []string{plain(name), task, st.State, plain(st.WorkerID), fmt.Sprint(st.Generation), version, when(st.Record), trace})
	}
	for _, c := range s.Connectors {
		if c.Connector != nil {
			add(c.Name, "-", *c.Connector)
		}
		for _, t := range c.Tasks {
			add(c.Name, fmt.Sprint(t.Task), t.Status)
		}
	}
	if len(rows) > 1 {
		p.linef("")
		p.table("  ", rows)
	}
	for _, t := range traces {
		p.linef("\n  Trace of %s", t)
	}
	p.topics(s)
}

// lines makes a trace fit for a terminal, line by line.
func lines(trace string) string {
	var out []string
	for l := range strings.Lines(trace) {
		l = strings.TrimRight(l, "\r\n")
		if body := strings.TrimLeft(l, "\t "); body != "" {
			out = append(out, "    "+strings.ReplaceAll(l[:len(l)-len(body)], "\t", "    ")+plain(strings.TrimRight(body, " ")))
		}
	}
	return strings.Join(out, "\n")
}

func (p *page) topics(s *Statuses) {
	rows := [][]string{{"CONNECTOR", "TOPIC", "FIRST USED BY TASK", "AT"}}
	for _, c := range s.Connectors {
		for _, t := range c.Topics {
			rows = append(rows, []string{plain(c.Name), plain(t.Topic), fmt.Sprint(t.Task), t.Discovered})
		}
	}
	if len(rows) > 1 {
		p.linef("\n  Topics that connectors use")
		p.table("  ", rows)
	}
}
