package transform

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect/config"
)

// pattern is a regular expression in Java's syntax, as far as RE2 can follow.
type pattern struct {
	whole *regexp.Regexp // matches a text from end to end
	part  *regexp.Regexp // finds a match in a text
}

// compile refuses what RE2 lacks, and what it would read in another sense than Java without a word.
func compile(text string) (*pattern, error) {
	if err := misread(text); err != nil {
		return nil, err
	}
	part, err := regexp.Compile(text)
	if err != nil {
		return nil, inJavaWords(err, text)
	}
	whole, err := regexp.Compile(`\A(?:` + text + `)\z`)
	if err != nil { // a quotation up to the end of the text
		whole, err = regexp.Compile(`\A(?:` + text + `\E)\z`)
	}
	return &pattern{whole, part}, err
}

// inJavaWords says what is wrong with an expression as Java would, where it is wrong for Java too.
func inJavaWords(err error, text string) error {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return err
	}
	at := func(what string, index int) error {
		if index >= 0 {
			what += " near index " + strconv.Itoa(index)
		}
		what += "\n" + text
		if index >= 0 && index < len(text) {
			what += "\n" + strings.Repeat(" ", index) + "^"
		}
		return errors.New(what)
	}
	switch e.Code {
	case syntax.ErrMissingParen:
		return at("Unclosed group", len(text))
	case syntax.ErrMissingBracket:
		return at("Unclosed character class", len(text)-1)
	case syntax.ErrMissingRepeatArgument:
		if i := dangling(text); i >= 0 {
			return at("Dangling meta character '"+text[i:i+1]+"'", i)
		}
	}
	return fmt.Errorf("%w (look-around, back references and possessive quantifiers are not supported)", err)
}

// dangling finds a quantifier at the beginning of an expression, group or branch.
func dangling(text string) int {
	for i := range text {
		if strings.IndexByte("*+?", text[i]) >= 0 && (i == 0 || strings.IndexByte("(|", text[i-1]) >= 0 && (i == 1 || text[i-2] != '\\')) {
			return i
		}
	}
	return -1
}

// misread finds what Java and RE2 both accept but understand differently: operators within character classes, and the
// flag U.
func misread(text string) error {
	inClass := false
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch {
		case strings.HasPrefix(rest, `\Q`):
			end := strings.Index(rest, `\E`)
			if end < 0 {
				return nil
			}
			i += end + 1
		case rest[0] == '\\':
			i++
		case !inClass && rest[0] == '[':
			inClass = true
			rest = strings.TrimPrefix(rest[1:], "^")
			i = len(text) - len(rest) - 1
			if strings.HasPrefix(rest, "]") {
				i++ // a bracket right at the start is one of the characters
			}
		case inClass && rest[0] == ']':
			inClass = false
		case inClass && (rest[0] == '[' || strings.HasPrefix(rest, "&&")):
			return fmt.Errorf("unions and intersections of character classes are not supported: write one class, near %q", rest)
		case !inClass && strings.HasPrefix(rest, "(?"):
			flags, _, _ := strings.Cut(rest[2:], ")")
			flags, _, _ = strings.Cut(flags, ":")
			if strings.Trim(flags, "imsxudU-") == "" && strings.Contains(flags, "U") {
				return errors.New("the flag U is not supported")
			}
		}
	}
	return nil
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
func (p *pattern) replaceFirst(text string, r replacement) string {
	match := p.part.FindStringSubmatchIndex(text)
	if match == nil {
		return text
	}
	return text[:match[0]] + r.expand(text, match) + text[match[1]:]
}

// parseReplacement reads $1, ${name} and backslashes. The error is in Java's words.
func (p *pattern) parseReplacement(text string) (replacement, error) {
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
func (p *pattern) reference(rest string) (group, n int, err error) {
	switch {
	case rest == "":
		return 0, 0, javaError("Illegal group reference: group index is missing")
	case rest[0] == '{':
		return p.namedReference(rest)
	case rest[0] < '0' || rest[0] > '9':
		return 0, 0, javaError("Illegal group reference")
	}
	group = int(rest[0] - '0')
	if group > p.part.NumSubexp() {
		return 0, 0, javaError("No group %d", group)
	}
	// As many digits as make the number of a group.
	for n = 1; n < len(rest) && rest[n] >= '0' && rest[n] <= '9'; n++ {
		longer, err := strconv.Atoi(rest[:n+1])
		if err != nil || longer > p.part.NumSubexp() {
			break
		}
		group = longer
	}
	return group, n, nil
}

func (p *pattern) namedReference(rest string) (group, n int, err error) {
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
	if group = p.part.SubexpIndex(name); group < 0 {
		return 0, 0, javaError("No group with name {%s}", name)
	}
	return group, end + 1, nil
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
