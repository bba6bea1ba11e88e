package kafka

/*
#include "glue.h"
*/
import "C"

import (
	"fmt"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"github.com/connectd/connectd/internal/javaregex"
)

// How often a subscription by pattern looks for topics: unless told otherwise Java's metadata.max.age.ms, and sooner while
// nothing matches.
const (
	matchInterval   = 5 * time.Minute
	noMatchInterval = 5 * time.Second
)

// internalTopics are the brokers' own, which no pattern matches (Java's exclude.internal.topics).
var internalTopics = []string{"__consumer_offsets", "__transaction_state", "__share_group_state"}

// matcher finds the topics of a subscription by pattern. librdkafka's own patterns are not Java's, so the consumer
// subscribes to names that are matched here.
type matcher struct {
	re       *javaregex.Regexp
	interval time.Duration
	topics   []string
	next     time.Time
}

// newMatcher takes a Java pattern, and the age in ms at which topics are looked for again, "" for the default.
func newMatcher(regex, age string) (*matcher, error) {
	re, err := javaregex.Compile(regex)
	if err != nil {
		return nil, fmt.Errorf("topics.regex %q is not a regular expression: %w", regex, err)
	}
	m := &matcher{re: re, interval: matchInterval}
	if ms, err := strconv.ParseInt(age, 10, 64); err == nil && ms > 0 {
		m.interval = time.Duration(ms) * time.Millisecond
	}
	return m, nil
}

// wait is how long a poll may take before topics must be looked for again.
func (m *matcher) wait() time.Duration {
	if m == nil {
		return yieldCheck
	}
	return max(0, time.Until(m.next))
}

// refresh looks for topics when it is time, and subscribes anew when they changed.
func (c *Consumer) refresh() error {
	m := c.match
	if m == nil || time.Now().Before(m.next) {
		return nil
	}
	m.next = time.Now().Add(min(noMatchInterval, m.interval))
	var md *C.struct_rd_kafka_metadata
	if code := C.rd_kafka_metadata(c.h.rk, 1, nil, &md, 5000); code != 0 {
		c.h.log.Warn("looking for topics failed", "pattern", m.re.String(), "error", codeError(int(code)))
		return nil
	}
	var names []string
	for _, t := range unsafe.Slice(md.topics, int(md.topic_cnt)) {
		if t.err == 0 {
			names = append(names, C.GoString(t.topic))
		}
	}
	C.rd_kafka_metadata_destroy(md)
	found, err := m.matching(names)
	if err != nil { // a topic that may have to be read is not left out: the subscription stays as it is
		c.h.log.Warn("looking for topics failed", "pattern", m.re.String(), "error", err)
		return nil
	}
	if len(found) > 0 {
		m.next = time.Now().Add(m.interval)
	}
	if len(found) == 0 || slices.Equal(found, m.topics) {
		return nil
	}
	m.topics = found
	return c.subscribe(found)
}

// matching gives those of the names that match, in order.
func (m *matcher) matching(names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		if slices.Contains(internalTopics, name) {
			continue
		}
		matches, err := m.re.MatchString(name)
		if err != nil {
			return nil, err
		}
		if matches {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}
