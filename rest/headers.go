package rest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// headerRule is one rule of response.http.headers.config.
type headerRule struct {
	action, name, value string
	// after is how far a date lies ahead of the response, for setDate and addDate.
	after time.Duration
}

var headerActions = []string{"set", "add", "setDate", "addDate"}

// parseHeaderRules reads "action name: value" rules, separated by commas; a rule in double quotes may hold commas.
func parseHeaderRules(text string) ([]headerRule, error) {
	var rules []headerRule
	for _, part := range splitQuoted(text) {
		rule, err := parseHeaderRule(part)
		if err != nil {
			return nil, fmt.Errorf("response.http.headers.config: %w", err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func parseHeaderRule(text string) (rule headerRule, err error) {
	action, rest, found := strings.Cut(text, " ")
	if !found || !slices.Contains(headerActions, action) {
		return rule, fmt.Errorf("rule %q must start with one of %s, followed by \"name: value\"", text, strings.Join(headerActions, ", "))
	}
	name, value, found := strings.Cut(strings.TrimSpace(rest), ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !found || name == "" || strings.ContainsAny(name, " \t") {
		return rule, fmt.Errorf("rule %q must have the form \"action name: value\", the name without spaces", text)
	}
	rule = headerRule{action: action, name: name, value: value}
	if strings.HasSuffix(action, "Date") {
		ms, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return rule, fmt.Errorf("rule %q must have milliseconds from now as its value, not %q", text, value)
		}
		rule.after = time.Duration(ms) * time.Millisecond
	}
	return rule, nil
}

// splitQuoted splits at commas outside double quotes, and takes the quotes away.
func splitQuoted(text string) (parts []string) {
	var part strings.Builder
	quoted := false
	flush := func() {
		if p := strings.TrimSpace(part.String()); p != "" {
			parts = append(parts, p)
		}
		part.Reset()
	}
	for _, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ',' && !quoted:
			flush()
		default:
			part.WriteRune(r)
		}
	}
	flush()
	return parts
}

func (s *Server) applyHeaderRules(h http.Header, now time.Time) {
	for _, rule := range s.header {
		value := rule.value
		if strings.HasSuffix(rule.action, "Date") {
			value = now.Add(rule.after).UTC().Format(http.TimeFormat)
		}
		if strings.HasPrefix(rule.action, "add") {
			h.Add(rule.name, value)
		} else {
			h.Set(rule.name, value)
		}
	}
}
