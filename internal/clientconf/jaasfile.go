package clientconf

import (
	"errors"
	"fmt"
	"strings"
)

// ParseJAASFile reads a JAAS login configuration file, as -Djava.security.auth.login.config names it for a JVM: sections of a
// name and, in braces, login module entries. In the values of options ${name} is replaced by what property knows under that name;
// an unknown name is an error, as in Java. Errors never quote values, which may be passwords.
func ParseJAASFile(text string, property func(name string) (string, bool)) (map[string][]JAAS, error) {
	s := &jaasScanner{text: text}
	sections := map[string][]JAAS{}
	for {
		name, err := s.next()
		if err != nil {
			return nil, err
		}
		if name.kind == jaasEnd {
			return sections, nil
		}
		if name.kind != jaasWord {
			return nil, fmt.Errorf("expects the name of a section at character %d", name.pos+1)
		}
		if _, twice := sections[name.text]; twice {
			return nil, fmt.Errorf("has the section %s twice", name.text)
		}
		entries, err := s.section(property)
		if err != nil {
			return nil, fmt.Errorf("section %s: %w", name.text, err)
		}
		sections[name.text] = entries
	}
}

// section reads "{ entries };".
func (s *jaasScanner) section(property func(string) (string, bool)) ([]JAAS, error) {
	if err := s.symbol("{"); err != nil {
		return nil, err
	}
	var entries []JAAS
	for {
		before := s.pos
		t, err := s.next()
		if err != nil {
			return nil, err
		}
		if t.kind == jaasSymbol && t.text == "}" {
			return entries, s.symbol(";")
		}
		s.pos = before
		entry, err := s.entry()
		if err != nil {
			return nil, err
		}
		for option, value := range entry.Options {
			if entry.Options[option], err = expandProperties(value, property); err != nil {
				return nil, fmt.Errorf("option %s: %w", option, err)
			}
		}
		entries = append(entries, *entry)
	}
}

func (s *jaasScanner) symbol(want string) error {
	t, err := s.next()
	switch {
	case err != nil:
		return err
	case t.kind == jaasEnd:
		return fmt.Errorf("ends where '%s' must follow", want)
	case t.kind != jaasSymbol || t.text != want:
		return fmt.Errorf("expects '%s' at character %d", want, t.pos+1)
	}
	return nil
}

// expandProperties follows Java's property expansion: ${/} is the file separator, ${{…}} stays as it is.
func expandProperties(value string, property func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(value, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if strings.HasPrefix(rest, "{") {
			inner, after, closed := strings.Cut(rest, "}}")
			if !closed {
				return "", errors.New("has a ${{ without }}")
			}
			b.WriteString("${" + inner + "}}")
			value = after
			continue
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			b.WriteString("${" + rest)
			return b.String(), nil
		}
		text, known := "/", true
		if name != "/" {
			text, known = property(name)
		}
		if !known {
			return "", fmt.Errorf("the system property %s is not set", name)
		}
		b.WriteString(text)
		value = after
	}
}
