package inspect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/storage/configlog"
)

// sourceOffset is the newest record of one key in one partition.
type sourceOffset struct {
	connector string
	partition connect.Entries
	offset    connect.Entries
	at        At
}

func (c *Collector) addOffset(r configlog.Record) error {
	s, err := parseOffset(r)
	if err != nil {
		return err
	}
	p := place{r.Partition, string(r.Key)}
	if s.offset == nil {
		delete(c.offsets, p)
		return nil
	}
	c.offsets[p] = s
	return nil
}

func parseOffset(r configlog.Record) (sourceOffset, error) {
	name, partition, err := configlog.ParseOffsetKey(r.Key)
	if err != nil {
		return sourceOffset{}, fmt.Errorf("key: %w", err)
	}
	offset, err := configlog.ParseOffsetValue(r.Value)
	if err != nil {
		return sourceOffset{}, fmt.Errorf("value: %w", err)
	}
	return sourceOffset{name, partition, offset, at(r)}, nil
}

func (c *Collector) reportOffsets(t Topic, exists func(string) *bool) *Offsets {
	by := map[string][]sourceOffset{}
	for _, s := range c.offsets {
		if c.o.wants(s.connector) {
			by[s.connector] = append(by[s.connector], s)
		}
	}
	out := &Offsets{Topic: t, Connectors: []ConnectorOffsets{}}
	for _, name := range sortedKeys(by) {
		list := by[name]
		slices.SortFunc(list, func(a, b sourceOffset) int {
			return cmp.Or(compareEntries(a.partition, b.partition), cmp.Compare(a.at.Partition, b.at.Partition), cmp.Compare(a.at.Offset, b.at.Offset))
		})
		one := ConnectorOffsets{Name: name, Exists: exists(name), Partitions: []SourceOffset{}, Problems: []string{}}
		for _, s := range list {
			one.Partitions = append(one.Partitions, SourceOffset{entries(s.partition), entries(s.offset), s.at})
		}
		if n := spelledTwice(list); n > 0 {
			one.Problems = append(one.Problems, fmt.Sprintf("%s more than one record that counts, in different spellings or partitions of the topic: "+
				"compaction keeps them all, and workers may read either", plural(n, "source partition has", "source partitions have")))
		}
		if one.Exists != nil && !*one.Exists {
			one.Problems = append(one.Problems, "no connector of that name exists: one that is created anew goes on from here")
		}
		out.Connectors = append(out.Connectors, one)
	}
	return out
}

// entries writes a partition or offset; what was parsed from a topic can be written.
func entries(e connect.Entries) json.RawMessage {
	b, err := configlog.OffsetValue(e)
	if err != nil || b == nil {
		return json.RawMessage("null")
	}
	return b
}

// spelledTwice counts source partitions that mean the same but stand under several keys or in several partitions.
func spelledTwice(list []sourceOffset) int {
	seen := map[string]int{}
	twice := 0
	for _, s := range list {
		var fields []string
		for _, e := range s.partition {
			fields = append(fields, fmt.Sprintf("%q=%T:%v", e.Key, e.Value, e.Value))
		}
		slices.Sort(fields)
		key := strings.Join(fields, "\x00")
		if seen[key]++; seen[key] == 2 {
			twice++
		}
	}
	return twice
}

// compareEntries orders partitions field by field, numbers by size, so that partition 10 comes after 2.
func compareEntries(a, b connect.Entries) int {
	return slices.CompareFunc(a, b, func(x, y connect.Entry) int {
		if c := cmp.Compare(x.Key, y.Key); c != 0 {
			return c
		}
		switch xv := x.Value.(type) {
		case int64:
			if yv, ok := y.Value.(int64); ok {
				return cmp.Compare(xv, yv)
			}
		case float64:
			if yv, ok := y.Value.(float64); ok {
				return cmp.Compare(xv, yv)
			}
		}
		return cmp.Compare(fmt.Sprintf("%T%v", x.Value, x.Value), fmt.Sprintf("%T%v", y.Value, y.Value))
	})
}
