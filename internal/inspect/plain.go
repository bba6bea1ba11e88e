package inspect

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain makes text that others wrote fit for a terminal and for one cell of a table: what cannot be printed is escaped as in
// Go, and backslashes only where something else was.
func plain(s string) string {
	if s == "" {
		return `""`
	}
	sound := utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
	if sound && !strings.HasPrefix(s, " ") && !strings.HasSuffix(s, " ") {
		return s
	}
	return strconv.Quote(s)
}

// short cuts text at a number of characters.
func short(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
