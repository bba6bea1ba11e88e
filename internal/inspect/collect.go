package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/connectd/connectd/storage/configlog"
)

// Options choose what a report shows.
type Options struct {
	// Passwords tells which properties plugins declare as passwords; nil leaves it to the properties' names.
	Passwords Passwords
	// ShowSecrets leaves configs as they are. The session key stays hidden.
	ShowSecrets bool
	// Connector shows that connector only; empty shows all.
	Connector string
}

func (o Options) wants(connector string) bool { return o.Connector == "" || o.Connector == connector }

func (o Options) masker() masker { return masker{o.Passwords, o.ShowSecrets} }

// Source is a topic as the reader found it.
type Source struct {
	Name       string
	Partitions int32
	// Undecided counts offsets behind the start of an open transaction.
	Undecided int64
}

// Collector takes the records of the topics, those of one partition in order, and makes the report.
type Collector struct {
	o        Options
	cluster  Cluster
	topics   map[Kind]*tally
	configs  *configs
	offsets  map[place]sourceOffset
	statuses *statuses
}

// New begins a report on these topics.
func New(o Options, c Cluster, topics map[Kind]Source) *Collector {
	out := &Collector{o: o, cluster: c, topics: map[Kind]*tally{}, configs: newConfigs(o), offsets: map[place]sourceOffset{}, statuses: newStatuses()}
	for kind, s := range topics {
		out.topics[kind] = newTally(s)
	}
	return out
}

// Add takes the next records of a topic.
func (c *Collector) Add(kind Kind, recs ...configlog.Record) {
	t := c.topics[kind]
	if t == nil {
		return
	}
	for _, r := range recs {
		t.count(r)
		var err error
		switch kind {
		case ConfigTopic:
			err = c.configs.add(r)
		case OffsetTopic:
			err = c.addOffset(r)
		case StatusTopic:
			err = c.statuses.add(r)
		}
		if err != nil {
			t.skip(r, err)
		}
	}
	if kind == ConfigTopic {
		c.configs.replay(recs)
	}
}

// Report gives what was found. The collector may go on afterwards.
func (c *Collector) Report() *Report {
	r := &Report{Format: Format, Cluster: c.cluster}
	if t := c.topics[ConfigTopic]; t != nil {
		r.Configs = c.configs.report(t.topic())
	}
	exists := func(name string) *bool {
		if r.Configs == nil {
			return nil
		}
		_, has := c.configs.state.Snapshot().Connectors[name]
		return &has
	}
	if t := c.topics[OffsetTopic]; t != nil {
		r.Offsets = c.reportOffsets(t.topic(), exists)
	}
	if t := c.topics[StatusTopic]; t != nil {
		r.Statuses = c.reportStatuses(t.topic(), exists)
	}
	return r
}

// Known tells whether the topics name a connector.
func (r *Report) Known(connector string) bool {
	return r.Configs != nil && slices.ContainsFunc(r.Configs.Connectors, func(c ConnectorConfig) bool { return c.Name == connector }) ||
		r.Offsets != nil && slices.ContainsFunc(r.Offsets.Connectors, func(c ConnectorOffsets) bool { return c.Name == connector }) ||
		r.Statuses != nil && slices.ContainsFunc(r.Statuses.Connectors, func(c ConnectorStatuses) bool { return c.Name == connector })
}

// place is a key in one partition of a topic. Compaction works by it.
type place struct {
	partition int32
	key       string
}

// tally counts the records of one topic.
type tally struct {
	sum  Topic
	live map[place]bool
}

func newTally(s Source) *tally {
	return &tally{
		sum:  Topic{Name: s.Name, Partitions: s.Partitions, Undecided: s.Undecided, Skipped: []Skipped{}, Problems: []string{}},
		live: map[place]bool{},
	}
}

func (t *tally) count(r configlog.Record) {
	t.sum.Records++
	if r.Value == nil {
		t.sum.Tombstones++
		delete(t.live, place{r.Partition, string(r.Key)})
		return
	}
	t.live[place{r.Partition, string(r.Key)}] = true
}

func (t *tally) skip(r configlog.Record, err error) {
	s := Skipped{At: at(r), Key: string(r.Key), Reason: err.Error()}
	if r.Key == nil {
		s.Reason = "the key is null"
	}
	t.sum.Skipped = append(t.sum.Skipped, s)
}

// topic sums up, with what is wrong with the topic as a whole.
func (t *tally) topic() Topic {
	out := t.sum
	out.Keys = len(t.live)
	out.Skipped, out.Problems = slices.Clone(out.Skipped), slices.Clone(out.Problems)
	if n := t.scattered(); n > 0 {
		out.Problems = append(out.Problems, fmt.Sprintf("%s in more than one partition: they were written with different partitioners or "+
			"numbers of partitions, and compaction keeps both", plural(n, "key stands", "keys stand")))
	}
	if out.Undecided > 0 {
		out.Problems = append(out.Problems, fmt.Sprintf("a transaction is open: %s from its start on were not read", plural(int(out.Undecided), "offset", "offsets")))
	}
	return out
}

// scattered counts keys that live in several partitions.
func (t *tally) scattered() int {
	seen, twice := map[string]bool{}, map[string]bool{}
	for p := range t.live {
		if seen[p.key] {
			twice[p.key] = true
		}
		seen[p.key] = true
	}
	return len(twice)
}

// at gives a record's place.
func at(r configlog.Record) At {
	a := At{Partition: r.Partition, Offset: r.Offset}
	if r.TimestampMs >= 0 {
		t := stamp(r.TimestampMs)
		a.Time = &t
	}
	return a
}

// stamp writes milliseconds since the epoch. Years that RFC 3339 does not have are possible in records of others.
func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// newer says which of two records of one key, in different partitions, counts.
func newer(a, b At) bool {
	return cmp.Compare(timeOf(a), timeOf(b)) > 0
}

func timeOf(a At) string {
	if a.Time == nil {
		return ""
	}
	return *a.Time
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func sortedKeys[M ~map[K]V, K cmp.Ordered, V any](m M) []K { return slices.Sorted(maps.Keys(m)) }
