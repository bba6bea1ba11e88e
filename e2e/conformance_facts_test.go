package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// facts are an answer as a list of "where = what", so that differences have names. Objects in lists are named by their own
// name where they have one; that they come in the same order is a fact of its own.
func (a *recorded) facts() map[string]string {
	out := map[string]string{"status": fmt.Sprint(a.Status), "body": a.Text}
	for k, v := range a.Header {
		out[k] = v
	}
	flatten(out, "", a.Body)
	return out
}

func flatten(out map[string]string, at string, v any) {
	switch v := v.(type) {
	case map[string]any:
		out[at+"{}"] = "object"
		for k, member := range v {
			flatten(out, at+"."+k, member)
		}
	case []any:
		var order []string
		for i, member := range v {
			name := nameOf(member)
			if name == "" {
				name = fmt.Sprint(i)
			}
			order = append(order, name)
			flatten(out, at+"["+name+"]", member)
		}
		out[at+"[]"] = strings.Join(order, listed)
	case nil:
		out[at] = "null"
	case string:
		out[at] = fmt.Sprintf("%q", v)
	default:
		out[at] = fmt.Sprint(v)
	}
}

// nameOf gives the name of a plugin, a config key, or the value of one.
func nameOf(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	m, _ := v.(map[string]any)
	for _, k := range []string{"class", "name"} {
		if s, ok := m[k].(string); ok {
			return s
		}
	}
	if inner, ok := m["value"].(map[string]any); ok {
		return nameOf(inner)
	}
	return ""
}

// differences tells where the answers differ, but for what is kept; those are counted.
func differences(x exchange, java, ours map[string]string) (out []string, excuses int) {
	for _, at := range slices.Sorted(keysOf(java, ours)) {
		j, inJava := java[at]
		o, inOurs := ours[at]
		if inJava == inOurs && j == o || missing(at, java, ours) {
			continue
		}
		if strings.HasSuffix(at, "[]") && inJava && inOurs && common(j, o) == common(o, j) {
			continue
		}
		if excused(x, at) {
			excuses++
			continue
		}
		if !inJava {
			j = "(nothing)"
		}
		if !inOurs {
			o = "(nothing)"
		}
		out = append(out, fmt.Sprintf("\t%s\n\t\tJava     %s\n\t\tconnectd %s", at, j, o))
	}
	return out, excuses
}

// listed is between the names of a list.
const listed = "\n\t\t\t"

// common is the list without what is not in the other, of which other facts tell.
func common(list, other string) string {
	in := strings.Split(other, listed)
	return strings.Join(slices.DeleteFunc(strings.Split(list, listed), func(s string) bool { return !slices.Contains(in, s) }), listed)
}

// missing tells that the fact is within an object that one side lacks: that is a fact already.
func missing(at string, java, ours map[string]string) bool {
	for i := len(at) - 1; i > 0; i-- {
		if at[i] != '.' && at[i] != '[' {
			continue
		}
		_, inJava := java[at[:i]+"{}"]
		_, inOurs := ours[at[:i]+"{}"]
		if inJava != inOurs {
			return true
		}
	}
	_, inJava := java["{}"]
	_, inOurs := ours["{}"]
	return inJava != inOurs && strings.HasPrefix(at, ".")
}

func keysOf(maps ...map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		seen := map[string]bool{}
		for _, m := range maps {
			for k := range m {
				if !seen[k] && !yield(k) {
					return
				}
				seen[k] = true
			}
		}
	}
}

// difference is one that is meant to be.
type difference struct {
	request string // regular expression of the exchange as text
	at      string // regular expression of the fact's place
	reason  string // as docs/compatibility.md tells it
	used    atomic.Bool
}

func excused(x exchange, at string) bool {
	for i := range kept {
		d := &kept[i]
		if matches(d.request, x.String()) && matches(d.at, at) {
			d.used.Store(true)
			return true
		}
	}
	return false
}

var patterns sync.Map // of regular expressions, compiled

func matches(pattern, text string) bool {
	re, ok := patterns.Load(pattern)
	if !ok {
		re, _ = patterns.LoadOrStore(pattern, regexp.MustCompile(pattern))
	}
	return re.(*regexp.Regexp).MatchString(text)
}
