package connconf

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect/config"
)

// versionRange is what *.plugin.version allows (KIP-891): Maven's ranges `[1,2)`, several joined by commas, or one version.
// The zero range allows all.
type versionRange []interval

type interval struct {
	low, high                 string // empty for no bound
	lowIncluded, highIncluded bool
}

// parseRange reads a version requirement; empty and "latest" allow everything. The texts are Maven's.
func parseRange(spec string) (versionRange, error) {
	if spec == "latest" {
		return nil, nil
	}
	spec = strings.TrimSpace(spec)
	if !strings.HasPrefix(spec, "[") && !strings.HasPrefix(spec, "(") {
		spec = "[" + spec + "]"
	}
	var out versionRange
	for rest := spec; rest != ""; {
		if rest[0] != '[' && rest[0] != '(' {
			return nil, badRange{"Only fully-qualified sets allowed in multiple set scenario", spec}
		}
		end := strings.IndexAny(rest, "])")
		if end < 0 {
			return nil, badRange{"Unbounded range", spec}
		}
		i, err := parseInterval(rest[:end+1])
		if err != nil {
			return nil, err
		}
		if n := len(out); n > 0 && (i.low == "" || out[n-1].high == "" || compareVersions(i.low, out[n-1].high) < 0) {
			return nil, badRange{"Ranges overlap", spec}
		}
		out = append(out, i)
		rest = strings.TrimSpace(rest[end+1:])
		rest = strings.TrimSpace(strings.TrimPrefix(rest, ","))
	}
	return out, nil
}

func parseInterval(text string) (interval, error) {
	i := interval{lowIncluded: text[0] == '[', highIncluded: text[len(text)-1] == ']'}
	low, high, isRange := strings.Cut(strings.TrimSpace(text[1:len(text)-1]), ",")
	i.low, i.high = strings.TrimSpace(low), strings.TrimSpace(high)
	switch {
	case !isRange && !(i.lowIncluded && i.highIncluded):
		return i, badRange{"Single version must be surrounded by []", text}
	case !isRange:
		i.high = i.low
	case i.low != "" && i.low == i.high:
		return i, badRange{"Range cannot have identical boundaries", text}
	case i.low != "" && i.high != "" && compareVersions(i.high, i.low) < 0:
		return i, badRange{"Range defies version ordering", text}
	}
	return i, nil
}

// badRange is a requirement that cannot be read, in Maven's words.
type badRange struct{ what, spec string }

func (b badRange) Error() string { return b.what + ": " + b.spec }

func (r versionRange) contains(version string) bool {
	for _, i := range r {
		low := i.low == "" || compareVersions(version, i.low) > 0 || i.lowIncluded && compareVersions(version, i.low) == 0
		high := i.high == "" || compareVersions(version, i.high) < 0 || i.highIncluded && compareVersions(version, i.high) == 0
		if low && high {
			return true
		}
	}
	return len(r) == 0
}

func (r versionRange) String() string {
	var b strings.Builder
	for n, i := range r {
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteString(pick(i.lowIncluded, "[", "(") + i.low + "," + i.high + pick(i.highIncluded, "]", ")"))
	}
	return b.String()
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// compareVersions orders versions part by part: numbers by value, a missing part as 0, and a word (a qualifier such as
// SNAPSHOT or rc1) before its absence.
func compareVersions(a, b string) int {
	split := func(v string) []string {
		return strings.FieldsFunc(strings.ToLower(v), func(r rune) bool { return r == '.' || r == '-' })
	}
	as, bs := split(a), split(b)
	for i := range max(len(as), len(bs)) {
		if c := comparePart(partAt(as, i), partAt(bs, i)); c != 0 {
			return c
		}
	}
	return 0
}

func partAt(parts []string, i int) string {
	if i < len(parts) {
		return parts[i]
	}
	return "0"
}

func comparePart(a, b string) int {
	m, errA := strconv.ParseUint(a, 10, 64)
	n, errB := strconv.ParseUint(b, 10, 64)
	switch {
	case errA == nil && errB == nil && m != n:
		return pickInt(m < n)
	case errA == nil && errB == nil:
		return 0
	case errA != nil && errB != nil:
		return strings.Compare(a, b)
	}
	return pickInt(errA != nil)
}

func pickInt(less bool) int {
	if less {
		return -1
	}
	return 1
}

// checkVersion says what is wrong with a version requirement for a plugin's class, in Java's words. The error is a
// noVersion where the requirement is sound but there is no such version.
func checkVersion(plugins Plugins, class, spec string) error {
	r, err := parseRange(spec)
	if err != nil {
		return err
	}
	versions := plugins.Versions(class)
	for _, v := range versions {
		if r.contains(v) {
			return nil
		}
	}
	return noVersion{fmt.Sprintf("Plugin %s not found that matches the version range %s, available versions: [%s]",
		class, r, strings.Join(versions, ", "))}
}

type noVersion struct{ text string }

func (n noVersion) Error() string { return n.text }

// versionSyntax refuses what is no version requirement.
func versionSyntax() config.Validator {
	return config.Check("", func(name string, value any) error {
		spec, ok := value.(string)
		if !ok {
			return nil
		}
		if _, err := parseRange(spec); err != nil {
			return &config.Error{Name: name, Text: err.Error()}
		}
		return nil
	})
}
