package mirror

import (
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/javaregex"
)

// pattern is a list of names and regular expressions; nil matches nothing.
type pattern struct {
	property string
	re       *javaregex.Regexp
}

// compile makes a pattern of a list property. As with MirrorMaker its elements are the alternatives of one expression.
func compile(property string, list []string) (pattern, error) {
	if len(list) == 0 {
		return pattern{}, nil
	}
	joined := strings.Join(list, "|")
	re, err := javaregex.Compile(joined)
	if err != nil {
		return pattern{}, config.Invalid(property, joined, "must be a list of names and regular expressions: "+err.Error())
	}
	return pattern{property, re}, nil
}

// matches tells whether the pattern names something. The error is that of an expression that cannot be matched in
// reasonable time: whoever asks must not take it for a no, which would leave a topic out without a word.
func (p pattern) matches(name string) (bool, error) {
	if p.re == nil {
		return false, nil
	}
	yes, err := p.re.MatchString(name)
	if err != nil {
		return false, fmt.Errorf("%s: %w", p.property, err)
	}
	return yes, nil
}

// selects tells whether a name is included and not excluded.
func selects(include, exclude pattern, name string) (bool, error) {
	if yes, err := include.matches(name); !yes || err != nil {
		return false, err
	}
	no, err := exclude.matches(name)
	return !no && err == nil, err
}

// filter selects topics.
type filter struct {
	include, exclude pattern
	policy           policy
	target           string
	heartbeats       bool // whether heartbeats topics are copied even when include does not name them
}

// copies tells whether a topic of the source cluster is to be copied. The error is that of pattern.matches.
func (f filter) copies(topic string) (bool, error) {
	if topic == linksTopic || f.policy.isInternal(topic) || f.policy.isCycle(topic, f.target) {
		return false, nil
	}
	if f.heartbeats && f.policy.isHeartbeats(topic) {
		return true, nil
	}
	return selects(f.include, f.exclude, topic)
}

// mayCopy is copies where nobody can be told of an error: what cannot be found out counts as copied.
func (f filter) mayCopy(topic string) bool {
	yes, err := f.copies(topic)
	return yes || err != nil
}
