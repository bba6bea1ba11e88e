package clientconf

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// reader takes properties apart for one Translate call and gathers settings, warnings and errors.
type reader struct {
	role  Role
	props map[string]string
	read  ReadFile
	out   *Settings
	errs  []error
}

func (r *reader) fail(err error) { r.errs = append(r.errs, err) }

func (r *reader) warn(property, reason string) {
	r.out.Warnings = append(r.out.Warnings, Warning{Property: property, Reason: reason})
}

func (r *reader) given(name string) bool {
	_, ok := r.props[name]
	return ok
}

// text returns the value as written, as Java does for STRING and PASSWORD; absent is empty.
func (r *reader) text(name string) string { return r.props[name] }

// textOr returns the trimmed value, or def when the property is absent.
func (r *reader) textOr(name, def string) string {
	if v, ok := r.props[name]; ok {
		return strings.TrimSpace(v)
	}
	return def
}

func (r *reader) boolean(name string, def bool) bool {
	v, ok := r.props[name]
	if !ok {
		return def
	}
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "true":
		return true
	case "false":
		return false
	}
	r.fail(invalid(name, v, "must be true or false"))
	return def
}

// integer parses a whole number within [lo, hi], Java's range for the property.
func (r *reader) integer(name string, def, lo, hi int64) int64 {
	v, ok := r.props[name]
	if !ok {
		return def
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	if err != nil || n < lo || n > hi {
		r.fail(invalid(name, v, "must be a whole number from %d to %d", lo, hi))
		return def
	}
	return n
}

// oneOf returns the value in the spelling of allowed; fold ignores case.
func (r *reader) oneOf(name, def string, fold bool, allowed ...string) string {
	v, ok := r.props[name]
	if !ok {
		return def
	}
	trimmed := strings.TrimSpace(v)
	for _, a := range allowed {
		if trimmed == a || fold && strings.EqualFold(trimmed, a) {
			return a
		}
	}
	r.fail(invalid(name, v, "must be one of %s", strings.Join(allowed, ", ")))
	return def
}

// list splits at commas, trims, and drops empty elements.
func (r *reader) list(name string) []string {
	var out []string
	for part := range strings.SplitSeq(r.props[name], ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func (r *reader) set(rdk, value string) { r.out.Librdkafka[rdk] = value }

func (r *reader) setBool(rdk string, v bool) { r.set(rdk, strconv.FormatBool(v)) }

// setInt writes a number within librdkafka's range, which is often narrower than Java's. A value that an operator wrote
// and that does not fit is warned about; the nearest one is used. It returns the value used.
func (r *reader) setInt(property, rdk string, v, lo, hi int64) int64 {
	used := min(max(v, lo), hi)
	if used != v && r.given(property) {
		r.warn(property, "librdkafka allows "+strconv.FormatInt(lo, 10)+" to "+strconv.FormatInt(hi, 10)+
			"; "+strconv.FormatInt(used, 10)+" is used")
	}
	r.set(rdk, strconv.FormatInt(used, 10))
	return used
}

// millis turns Java's milliseconds into a Duration, saturating: Long.MAX_VALUE means "for ever".
func millis(n int64) time.Duration {
	const most = int64(math.MaxInt64 / time.Millisecond)
	switch {
	case n > most:
		return math.MaxInt64
	case n < -most:
		return math.MinInt64
	}
	return time.Duration(n) * time.Millisecond
}
