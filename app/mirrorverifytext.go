package app

import (
	"fmt"
	"strings"

	"github.com/connectd/connectd/connectors/mirror"
)

// text writes a report for people: what is not as it should be of each partition, and a sum.
func (r verifiedLink) text(b *strings.Builder) {
	fmt.Fprintf(b, "%s (%s -> %s)\n", r.Link, r.Source, r.Target)
	for _, note := range r.Notes {
		fmt.Fprintf(b, "  note: %s\n", note)
	}
	for _, p := range r.Partitions {
		if p.Error == "" && p.Counts.Same() && quiet(p.Counts) {
			continue
		}
		fmt.Fprintf(b, "  %s-%d [%d, %d) -> %s-%d: ", p.Topic, p.Partition, p.SourceRange[0], p.SourceRange[1], p.TargetTopic, p.Partition)
		if p.Error != "" {
			fmt.Fprintf(b, "not compared: %s\n", p.Error)
			continue
		}
		b.WriteString(sum(p.Counts) + "\n")
		for _, d := range p.Differences {
			b.WriteString("    " + differenceText(d) + "\n")
		}
		c := p.Counts
		if more := c.Missing + c.Changed + c.Extra - int64(len(p.Differences)); more > 0 && len(p.Differences) > 0 {
			fmt.Fprintf(b, "    and %d more\n", more)
		}
	}
	verdict := "nothing is missing, nothing differs"
	if !r.Same() {
		verdict = "source and target differ"
	}
	fmt.Fprintf(b, "  %d partitions: %s: %s\n", len(r.Partitions), sum(r.Total), verdict)
}

// quiet tells that nothing needs to be said of a partition that is equal.
func quiet(c mirror.Counts) bool {
	return c.Duplicates+c.Reordered+c.Pending+c.ExpiredSource+c.ExpiredTarget+c.Compacted == 0
}

func sum(c mirror.Counts) string {
	parts := []string{fmt.Sprintf("%d equal", c.Matched)}
	for _, n := range []struct {
		n    int64
		what string
	}{
		{c.Missing, "missing"},
		{c.Changed, "changed"},
		{c.Extra, "on the target only"},
		{c.Duplicates, "copied more than once"},
		{c.Reordered, "in another order"},
		{c.Pending, "still to be copied"},
		{c.ExpiredTarget, "expired on the target"},
		{c.ExpiredSource, "expired on the source"},
		{c.Compacted, "compacted away on one side"},
	} {
		if n.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.n, n.what))
		}
	}
	return strings.Join(parts, ", ")
}

func differenceText(d mirror.Difference) string {
	switch {
	case d.SourceOffset < 0:
		return fmt.Sprintf("target offset %d is not on the source", d.TargetOffset)
	case d.TargetOffset < 0:
		return fmt.Sprintf("source offset %d is missing on the target", d.SourceOffset)
	}
	return fmt.Sprintf("source offset %d differs from target offset %d: %s", d.SourceOffset, d.TargetOffset, strings.Join(d.What, ", "))
}
