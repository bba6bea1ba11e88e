package connconf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/javaregex"
)

// checkSink adds what a sink's properties get wrong together.
func (r *Request) checkSink(v *validated) {
	topics, pattern := r.Props[topicsKey], r.Props[topicsRegexKey]
	hasTopics, hasPattern := !blank(topics), !blank(pattern)
	both := func(text string) {
		v.fail(topicsKey, topics, text)
		v.fail(topicsRegexKey, pattern, text)
	}
	switch {
	case hasTopics && hasPattern:
		both("topics and topics.regex are mutually exclusive options, but both are set.")
	case !hasTopics && !hasPattern:
		both("Must configure one of topics or topics.regex")
	}
	if dlq := strings.TrimSpace(r.Props[dlqTopicKey]); dlq != "" {
		checkDLQ(v, dlq, topics, pattern)
	}
	r.checkSinkGroup(v)
}

// checkDLQ refuses a sink that would read its own dead letters.
func checkDLQ(v *validated, dlq, topics, pattern string) {
	var list []string
	for _, t := range listOf(topics) {
		if t != "" && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	if slices.Contains(list, dlq) {
		v.fail(topicsKey, topics, fmt.Sprintf("The DLQ topic '%s' may not be included in the list of topics ('%s=[%s]') consumed by the connector",
			dlq, topicsKey, strings.Join(list, ", ")))
	}
	if blank(pattern) {
		return
	}
	re, err := javaregex.Compile(pattern)
	if err != nil {
		return // said of the pattern itself
	}
	matches, err := re.MatchString(dlq)
	if err != nil {
		v.fail(topicsRegexKey, pattern, err.Error())
	}
	if matches {
		v.fail(topicsRegexKey, pattern, fmt.Sprintf("The DLQ topic '%s' may not be matched by the regex for the topics ('%s=%s') consumed by the connector",
			dlq, topicsRegexKey, pattern))
	}
}

// checkSinkGroup keeps a sink's consumers out of the workers' group.
func (r *Request) checkSinkGroup(v *validated) {
	const override = consumerOverride + "group.id"
	if group, ok := r.Props[override]; ok {
		v.put(override, group)
		if group == r.Worker.GroupID {
			v.fail(override, group, "Consumer group "+group+" conflicts with Connect worker group "+r.Worker.GroupID)
		}
		return
	}
	if name, ok := v.get(nameKey).Value.(string); ok && "connect-"+name == r.Worker.GroupID {
		v.fail(nameKey, name, "Consumer group for sink connector named "+name+" conflicts with Connect worker group "+r.Worker.GroupID)
	}
}

// checkSource adds what a source asks for that it cannot have.
func (r *Request) checkSource(v *validated) {
	if asks(v, exactlyOnceKey, "required") {
		if !r.Worker.ExactlyOnceSource {
			v.fail(exactlyOnceKey, "", "This worker does not have exactly-once source support enabled.")
		}
		r.ask(v, exactlyOnceKey, r.ExactlyOnce, "The connector does not implement the API required for preflight validation of exactly-once "+
			"source support. Please consult the documentation for the connector to determine whether it supports exactly-once semantics, and "+
			"then consider reconfiguring the connector to use the value \"requested\" for this property (which will disable this preflight "+
			"check and allow the connector to be created).", "The connector does not support exactly-once semantics with the provided configuration.")
	}
	if asks(v, boundaryKey, "connector") {
		const cannot = "The connector does not support connector-defined transaction boundaries with the given configuration. " +
			"Please reconfigure it to use a different transaction boundary definition."
		r.ask(v, boundaryKey, r.Boundaries, cannot, cannot)
	}
}

// ask asks the connector about what a property wants of it.
func (r *Request) ask(v *validated, key string, can func(map[string]string) (bool, error), silent, no string) {
	if can == nil {
		v.fail(key, "", silent)
		return
	}
	switch ok, err := can(r.Props); {
	case err != nil:
		text := strings.TrimSpace(err.Error())
		if text == "" {
			text = "An unexpected error occurred during validation; please see the worker logs for more details."
		} else {
			text = "An unexpected error occurred during validation: " + text
		}
		v.fail(key, "", text)
	case !ok:
		v.fail(key, "", no)
	}
}

func asks(v *validated, key, value string) bool {
	text, _ := config.FormatValue(v.get(key).Value)
	return v.sound(key) && strings.EqualFold(text, value)
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }
