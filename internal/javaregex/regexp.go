package javaregex

import (
	"errors"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// timeout is how long a match that backtracks may take. Names are short: what takes longer has run into an expression whose
// time grows exponentially.
const timeout = time.Second

// mostShown is how much of a text an error has: any topic's name, in bytes.
const mostShown = 249

// Regexp is a compiled expression. It may be used by many goroutines.
type Regexp struct {
	text   string
	groups int
	names  map[string]int
	linear *linear    // nil if the expression backtracks
	back   *backtrack // nil if all can be matched in linear time
	inLoop bool       // whether only back finds groups where Java does
}

// linear is an expression for Go's regexp.
type linear struct {
	whole *regexp.Regexp // matches a text from end to end
	part  *regexp.Regexp // finds a match in a text
}

// backtrack is the same for regexp2.
type backtrack struct{ whole, part *regexp2.Regexp }

// Compile understands an expression as java.util.regex.Pattern.compile does, without flags. The error has Java's words
// where Java refuses the text too, which take several lines; otherwise it names what is not supported.
func Compile(text string) (*Regexp, error) {
	p, n, err := parse(text)
	if err != nil {
		return nil, err
	}
	r := &Regexp{text: text, groups: p.groups, names: p.names, inLoop: n.loopsOnEmpty()}
	if !n.backtracks() {
		r.linear = compileLinear(render(n, false, p.groups))
	}
	if r.linear == nil || r.inLoop || n.asksForEnd() {
		r.back, err = compileBacktrack(render(n, true, p.groups))
	}
	if err != nil {
		return nil, fmt.Errorf("the regular expression %q is not supported: %w", text, err)
	}
	return r, nil
}

// compileLinear gives nil for what is too big for Go's regexp.
func compileLinear(text string) *linear {
	whole, err1 := regexp.Compile(`\A(?:` + text + `)\z`)
	part, err2 := regexp.Compile(text)
	if err1 != nil || err2 != nil {
		return nil
	}
	return &linear{whole, part}
}

func compileBacktrack(text string) (*backtrack, error) {
	whole, err1 := regexp2.Compile(`\A(?:` + text + `)\z`)
	part, err2 := regexp2.Compile(text)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	whole.MatchTimeout, part.MatchTimeout = timeout, timeout
	return &backtrack{whole, part}, nil
}

// String is the text of the expression.
func (r *Regexp) String() string { return r.text }

// NumSubexp is how many capturing groups there are.
func (r *Regexp) NumSubexp() int { return r.groups }

// SubexpIndex is the number of the group of a name, -1 if there is none.
func (r *Regexp) SubexpIndex(name string) int {
	if n, has := r.names[name]; has {
		return n
	}
	return -1
}

// MatchString tells whether the whole of a text matches, as Matcher.matches does. The error says that it can't be found out
// in reasonable time; an expression without look-around, back references, atomic groups and possessive quantifiers never
// has one, but for texts that end a line and an expression with $.
func (r *Regexp) MatchString(s string) (bool, error) {
	if r.isLinear(s) {
		return r.linear.whole.MatchString(s), nil
	}
	return retry(r, s, func() (bool, error) { return r.back.whole.MatchString(s) })
}

// FindSubmatchIndex gives the first match in a text, as Matcher.find does: the bytes where it and its groups begin and end,
// -1 for groups that take no part; nil if nothing matches. The error is MatchString's.
func (r *Regexp) FindSubmatchIndex(s string) ([]int, error) {
	if r.isLinear(s) && !r.inLoop {
		return r.linear.part.FindStringSubmatchIndex(s), nil
	}
	m, err := retry(r, s, func() (*regexp2.Match, error) { return r.back.part.FindStringMatch(s) })
	if m == nil || err != nil {
		return nil, err
	}
	var out []int
	for i := range r.groups + 1 {
		if g := m.GroupByNumber(i); g != nil && len(g.Captures) > 0 {
			at, n := g.Captures[len(g.Captures)-1].ByteRange()
			out = append(out, at, at+n)
		} else {
			out = append(out, -1, -1)
		}
	}
	return out, nil
}

func (r *Regexp) isLinear(s string) bool {
	if r.back == nil || r.linear == nil {
		return r.back == nil
	}
	last, _ := utf8.DecodeLastRuneInString(s)
	return s == "" || !terminators(false).has(last)
}

// retry matches once more after a timeout: it may have been the process that stood still.
func retry[T any](r *Regexp, s string, match func() (T, error)) (T, error) {
	out, err := match()
	if err != nil && !errors.Is(err, regexp2.ErrBacktrackingStackLimit) {
		out, err = match()
	}
	if err == nil {
		return out, nil
	}
	if len(s) > mostShown {
		s = s[:mostShown] + "…"
	}
	if errors.Is(err, regexp2.ErrBacktrackingStackLimit) {
		return out, fmt.Errorf("the regular expression %q needs too much memory to be matched with %q", r.text, s)
	}
	return out, fmt.Errorf("the regular expression %q takes more than %v to be matched with %q: write it with fewer repetitions within each other", r.text, timeout, s)
}
