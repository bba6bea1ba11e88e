package workerconf

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/connectd/connectd/connect/config"
)

// HeaderRule adds a header to the answers of the REST API.
type HeaderRule struct {
	Action string // set, add, setDate or addDate
	Name   string
	Value  string // for the date actions: milliseconds from now
}

// javaError is an error whose text is a sentence of Java's.
type javaError string

func (e javaError) Error() string { return string(e) }

func headerActions() []string { return []string{"set", "add", "setDate", "addDate"} }

func headerRulesValidator() config.Validator {
	return config.Check("Comma-separated header rules, where each header rule is of the form '[action] [header name]:[header value]' "+
		"and optionally surrounded by double quotes if any part of a header rule contains a comma", func(name string, value any) error {
		text, _ := value.(string)
		if _, err := ParseHeaderRules(text); err != nil {
			return config.Invalid(name, value, err.Error())
		}
		return nil
	})
}

// ParseHeaderRules reads response.http.headers.config. Its errors have Java's words.
func ParseHeaderRules(text string) ([]HeaderRule, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var rules []HeaderRule
	for _, one := range splitQuoted(text) {
		rule, err := parseHeaderRule(one)
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func parseHeaderRule(text string) (HeaderRule, error) {
	trimmed := strings.TrimSpace(text)
	gap := strings.IndexFunc(trimmed, unicode.IsSpace)
	if gap < 0 {
		return HeaderRule{}, javaError(fmt.Sprintf("Invalid format of header config '%s'. Expected: '[action] [header name]:[header value]'", text))
	}
	action, header := trimmed[:gap], strings.TrimSpace(trimmed[gap:])
	known := slices.IndexFunc(headerActions(), func(a string) bool { return strings.EqualFold(a, action) })
	if known < 0 {
		return HeaderRule{}, javaError(fmt.Sprintf("Invalid header config action: '%s'. Expected one of [%s]", action, listing(headerActions())))
	}
	name, value, found := strings.Cut(header, ":")
	value = strings.TrimRight(value, ":") // as Java's split drops what is empty at the end
	if !found || value == "" || strings.Contains(value, ":") {
		return HeaderRule{}, javaError(fmt.Sprintf("Invalid format of header name and header value pair '%s'. Expected: '[header name]:[header value]'", header))
	}
	name = strings.TrimSpace(name)
	if name == "" || strings.ContainsFunc(name, unicode.IsSpace) {
		return HeaderRule{}, javaError(fmt.Sprintf("Invalid header name '%s'. The '[header name]' cannot contain whitespace", name))
	}
	return HeaderRule{Action: headerActions()[known], Name: name, Value: strings.TrimSpace(value)}, nil
}

// splitQuoted cuts at the commas outside of double quotes, drops the quotes, and undoes backslashes between them.
func splitQuoted(text string) []string {
	var parts []string
	var b strings.Builder
	quoted, escaped := false, false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
			b.WriteRune(c)
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			parts = append(parts, strings.TrimSpace(b.String()))
			b.Reset()
		default:
			b.WriteRune(c)
		}
	}
	return append(parts, strings.TrimSpace(b.String()))
}
