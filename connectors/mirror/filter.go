package mirror

import (
	"regexp"
	"strings"

	"github.com/connectd/connectd/connect/config"
)

// pattern is a list of names and regular expressions; nil matches nothing.
type pattern struct{ re *regexp.Regexp }

// compile makes a pattern of a list property. Java's regular expressions are understood but for look-around, back
// references and possessive quantifiers.
func compile(property string, list []string) (pattern, error) {
	if len(list) == 0 {
		return pattern{}, nil
	}
	joined := strings.Join(list, "|")
	re, err := regexp.Compile("^(?:" + joined + ")$")
	if err != nil {
		return pattern{}, config.Invalid(property, joined, "must be a list of names and regular expressions (without look-around and back references): "+err.Error())
	}
	return pattern{re}, nil
}

func (p pattern) matches(name string) bool { return p.re != nil && p.re.MatchString(name) }

// filter selects topics.
type filter struct {
	include, exclude pattern
	policy           policy
	target           string
	heartbeats       bool // whether heartbeats topics are copied even when include does not name them
}

// copies tells whether a topic of the source cluster is to be copied.
func (f filter) copies(topic string) bool {
	wanted := f.include.matches(topic) && !f.exclude.matches(topic) ||
		f.heartbeats && f.policy.isHeartbeats(topic)
	return wanted && topic != linksTopic && !f.policy.isInternal(topic) && !f.policy.isCycle(topic, f.target)
}
