package rest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/connectd/connectd/worker/workerconf"
)

// headerRule is one rule of response.http.headers.config.
type headerRule struct {
	workerconf.HeaderRule
	// after is how far a date lies ahead of the response, for setDate and addDate.
	after time.Duration
}

// parseHeaderRules reads the rules as the worker's configuration does.
func parseHeaderRules(text string) ([]headerRule, error) {
	parsed, err := workerconf.ParseHeaderRules(text)
	if err != nil {
		return nil, fmt.Errorf("response.http.headers.config: %w", err)
	}
	rules := make([]headerRule, len(parsed))
	for i, rule := range parsed {
		rules[i] = headerRule{HeaderRule: rule}
		if !strings.HasSuffix(rule.Action, "Date") {
			continue
		}
		ms, err := strconv.ParseInt(rule.Value, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("response.http.headers.config: rule %s %s must have milliseconds from now as its value, not %q",
				rule.Action, rule.Name, rule.Value)
		}
		rules[i].after = time.Duration(ms) * time.Millisecond
	}
	return rules, nil
}

func (s *Server) applyHeaderRules(h http.Header, now time.Time) {
	for _, rule := range s.header {
		value := rule.Value
		if strings.HasSuffix(rule.Action, "Date") {
			value = now.Add(rule.after).UTC().Format(http.TimeFormat)
		}
		if strings.HasPrefix(rule.Action, "add") {
			h.Add(rule.Name, value)
		} else {
			h.Set(rule.Name, value)
		}
	}
}
