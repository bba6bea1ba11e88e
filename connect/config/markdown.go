package config

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Markdown renders the reference page of a Def: its keys in Java's order (by group, order in group, required
// first, importance, name), each under a heading of the given level. Internal keys are left out.
func (d *Def) Markdown(level int) string {
	var b strings.Builder
	heading := strings.Repeat("#", max(level, 1))
	group := ""
	for _, k := range d.sorted() {
		if k.Internal {
			continue
		}
		if k.Group != group {
			group = k.Group
			fmt.Fprintf(&b, "%s %s\n\n", heading, group)
		}
		sub := heading
		if group != "" {
			sub += "#"
		}
		fmt.Fprintf(&b, "%s `%s`\n\n", sub, k.Name)
		if k.Doc != "" {
			fmt.Fprintf(&b, "%s\n\n", strings.TrimSpace(k.Doc))
		}
		k.details(&b)
	}
	return b.String()
}

func (k *Key) details(b *strings.Builder) {
	fmt.Fprintf(b, "- Type: %s\n", strings.ToLower(string(k.Type)))
	if k.HasDefault {
		fmt.Fprintf(b, "- Default: %s\n", k.defaultText())
	} else {
		b.WriteString("- Required\n")
	}
	if k.Validator != nil && k.Validator.String() != "" {
		fmt.Fprintf(b, "- Valid values: %s\n", k.Validator)
	}
	fmt.Fprintf(b, "- Importance: %s\n", strings.ToLower(string(k.Importance)))
	if len(k.Dependents) > 0 {
		fmt.Fprintf(b, "- Dependents: `%s`\n", strings.Join(k.Dependents, "`, `"))
	}
	b.WriteString("\n")
}

func (k *Key) defaultText() string {
	if k.DefaultText != "" {
		return k.DefaultText
	}
	text, ok := FormatValue(k.Default)
	switch {
	case !ok:
		return "none"
	case text == "":
		return `""`
	}
	n, isNumber := toFloat(k.Default)
	if isNumber && strings.HasSuffix(k.Name, ".bytes") {
		return "`" + text + "`" + niceUnits(n, memoryUnits)
	}
	if isNumber && strings.HasSuffix(k.Name, ".ms") {
		return "`" + text + "`" + niceUnits(n, timeUnits)
	}
	return "`" + text + "`"
}

type unit struct {
	divisor float64
	name    string
}

var (
	memoryUnits = []unit{{1024, "kibibyte"}, {1024, "mebibyte"}, {1024, "gibibyte"}, {1024, "tebibyte"}}
	timeUnits   = []unit{{1000, "second"}, {60, "minute"}, {60, "hour"}, {24, "day"}}
)

// niceUnits says a round number in the largest unit that divides it, or nothing.
func niceUnits(n float64, units []unit) string {
	name := ""
	for _, u := range units {
		if n == 0 || math.Mod(n, u.divisor) != 0 {
			break
		}
		n /= u.divisor
		name = u.name
	}
	switch {
	case name == "":
		return ""
	case n == 1:
		return " (1 " + name + ")"
	}
	return fmt.Sprintf(" (%.0f %ss)", n, name)
}

// sorted returns the keys in the order in which Java lists them on reference pages and embeds them.
func (d *Def) sorted() []*Key {
	rank := func(k *Key) int { return slices.Index(d.groups, k.Group) } // no group: -1, first
	required := func(k *Key) int {
		if k.HasDefault {
			return 1
		}
		return 0
	}
	importance := func(k *Key) int { return slices.Index([]Importance{High, Medium, Low}, k.Importance) }
	keys := slices.Clone(d.keys)
	slices.SortStableFunc(keys, func(a, b *Key) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			cmp.Compare(a.OrderInGroup, b.OrderInGroup),
			cmp.Compare(required(a), required(b)),
			cmp.Compare(importance(a), importance(b)),
			cmp.Compare(a.Name, b.Name),
		)
	})
	return keys
}
