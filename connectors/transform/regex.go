package transform

import (
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/javaregex"
)

// pattern is a regular expression in Java's syntax.
type pattern struct{ *javaregex.Regexp }

func compile(text string) (pattern, error) {
	re, err := javaregex.Compile(text)
	return pattern{re}, err
}

var validRegex = config.Check("valid regex", func(name string, value any) error {
	text, ok := value.(string)
	if !ok {
		// What Java's compiler says of no text at all.
		return config.Invalid(name, nil, `Invalid regex: Cannot invoke "String.length()" because "this.pattern" is null`)
	}
	if _, err := compile(text); err != nil {
		return config.Invalid(name, value, "Invalid regex: "+err.Error())
	}
	return nil
})

// replacement is the text that takes the place of a match: literals and groups, as in Java's Matcher.replaceFirst.
type replacement []replacementPart

type replacementPart struct {
	literal string
	group   int // -1 for a literal
}

func (r replacement) expand(text string, match []int) string {
	var b strings.Builder
	for _, p := range r {
		if p.group < 0 {
			b.WriteString(p.literal)
		} else if from := match[2*p.group]; from >= 0 {
			b.WriteString(text[from:match[2*p.group+1]])
		}
	}
	return b.String()
}

// replaceFirst puts the replacement in the place of the first match.
func (p pattern) replaceFirst(text string, r replacement) (string, error) {
	match, err := p.FindSubmatchIndex(text)
	if match == nil || err != nil {
		return text, err
	}
	return text[:match[0]] + r.expand(text, match) + text[match[1]:], nil
}

// parseReplacement reads $1, ${name} and backslashes. The error is in Java's words.
func (p pattern) parseReplacement(text string) (replacement, error) {
	var out replacement
	var literal strings.Builder
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if i++; i == len(text) {
				return nil, javaError("character to be escaped is missing")
			}
			literal.WriteByte(text[i])
		case '$':
			group, n, err := p.reference(text[i+1:])
			if err != nil {
				return nil, err
			}
			out = append(out, replacementPart{literal.String(), -1}, replacementPart{group: group})
			literal.Reset()
			i += n
		default:
			literal.WriteByte(text[i])
		}
	}
	return append(out, replacementPart{literal.String(), -1}), nil
}

// reference reads what follows a $, and gives the group and how many bytes name it.
func (p pattern) reference(rest string) (group, n int, err error) {
	switch {
	case rest == "":
		return 0, 0, javaError("Illegal group reference: group index is missing")
	case rest[0] == '{':
		return p.namedReference(rest)
	case rest[0] < '0' || rest[0] > '9':
		return 0, 0, javaError("Illegal group reference")
	}
	group = int(rest[0] - '0')
	if group > p.NumSubexp() {
		return 0, 0, javaError("No group %d", group)
	}
	// As many digits as make the number of a group.
	for n = 1; n < len(rest) && rest[n] >= '0' && rest[n] <= '9'; n++ {
		longer, err := strconv.Atoi(rest[:n+1])
		if err != nil || longer > p.NumSubexp() {
			break
		}
		group = longer
	}
	return group, n, nil
}

func (p pattern) namedReference(rest string) (group, n int, err error) {
	end := 1
	for end < len(rest) && isAlphanumeric(rest[end]) {
		end++
	}
	name := rest[1:end]
	switch {
	case name == "":
		return 0, 0, javaError("named capturing group has 0 length name")
	case end == len(rest) || rest[end] != '}':
		return 0, 0, javaError("named capturing group is missing trailing '}'")
	case name[0] >= '0' && name[0] <= '9':
		return 0, 0, javaError("capturing group name {%s} starts with digit character", name)
	}
	if group = p.SubexpIndex(name); group < 0 {
		return 0, 0, javaError("No group with name {%s}", name)
	}
	return group, end + 1, nil
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
