package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

// number is what a Range may be bounded by; the Go type decides how the bound is printed (1 or 1.0).
type number interface {
	~int | ~int16 | ~int32 | ~int64 | ~float64
}

// AtLeast allows numbers from min on.
func AtLeast[N number](min N) Validator {
	return rangeValidator{min: bound{float64(min), javaString(min), true}}
}

// AtMost allows numbers up to max.
func AtMost[N number](max N) Validator {
	return rangeValidator{max: bound{float64(max), javaString(max), true}}
}

// Between allows numbers from min to max, both included.
func Between[N number](min, max N) Validator {
	return rangeValidator{bound{float64(min), javaString(min), true}, bound{float64(max), javaString(max), true}}
}

type bound struct {
	value float64
	text  string
	set   bool
}

type rangeValidator struct{ min, max bound }

func (r rangeValidator) Validate(name string, value any) error {
	n, ok := toFloat(value)
	switch {
	case !ok:
		return Invalid(name, value, "Value must be non-null")
	case r.min.set && n < r.min.value:
		return Invalid(name, value, "Value must be at least "+r.min.text)
	case r.max.set && n > r.max.value:
		return Invalid(name, value, "Value must be no more than "+r.max.text)
	}
	return nil
}

func (r rangeValidator) String() string {
	switch {
	case !r.min.set && !r.max.set:
		return "[...]"
	case !r.min.set:
		return "[...," + r.max.text + "]"
	case !r.max.set:
		return "[" + r.min.text + ",...]"
	}
	return "[" + r.min.text + ",...," + r.max.text + "]"
}

func toFloat(v any) (float64, bool) {
	switch n := v.(type) {
	case int32:
		return float64(n), true
	case int16:
		return float64(n), true
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// OneOf allows the given strings only (Java's ValidString).
func OneOf(valid ...string) Validator { return oneOf(valid) }

type oneOf []string

func (o oneOf) Validate(name string, value any) error {
	if s, ok := value.(string); ok && slices.Contains(o, s) {
		return nil
	}
	return Invalid(name, value, "String must be one of: "+strings.Join(o, ", "))
}

func (o oneOf) String() string { return "[" + strings.Join(o, ", ") + "]" }

// OneOfFold allows the given strings in any case (Java's CaseInsensitiveValidString).
func OneOfFold(valid ...string) Validator {
	upper := make([]string, len(valid))
	for i, s := range valid {
		upper[i] = strings.ToUpper(s)
	}
	return oneOfFold(javaSetOrder(upper))
}

type oneOfFold []string

func (o oneOfFold) Validate(name string, value any) error {
	if s, ok := value.(string); ok && slices.Contains(o, strings.ToUpper(s)) {
		return nil
	}
	return Invalid(name, value, "String must be one of (case insensitive): "+strings.Join(o, ", "))
}

func (o oneOfFold) String() string { return "(case insensitive) [" + strings.Join(o, ", ") + "]" }

// NonNull demands a value.
func NonNull() Validator {
	return Check("non-null string", func(name string, value any) error {
		if value == nil {
			return Invalid(name, nil, "entry must be non null")
		}
		return nil
	})
}

// NonEmpty refuses the empty string; no value at all is fine.
func NonEmpty() Validator {
	return Check("non-empty string", func(name string, value any) error {
		if value == "" {
			return Invalid(name, value, "String must be non-empty")
		}
		return nil
	})
}

// NonEmptyWithoutControlChars refuses the empty string and control characters: for names that appear in URLs,
// topics and logs. No value at all is fine, as a missing name is its own error.
func NonEmptyWithoutControlChars() Validator {
	return Check("non-empty string without ISO control characters", func(name string, value any) error {
		s, ok := value.(string)
		if !ok {
			return nil
		}
		if s == "" {
			return Invalid(name, value, "String may not be empty")
		}
		var found []string
		for _, u := range utf16.Encode([]rune(s)) {
			if unicode.IsControl(rune(u)) {
				found = append(found, fmt.Sprint(u))
			}
		}
		if found != nil {
			return Invalid(name, value, "String may not contain control sequences but had the following ASCII chars: "+
				strings.Join(found, ", "))
		}
		return nil
	})
}

// MaxListSize bounds the number of elements.
func MaxListSize(size int) Validator {
	return Check(fmt.Sprintf("List containing maximum of %d elements", size), func(name string, value any) error {
		if list, ok := value.([]string); ok && len(list) > size {
			return Invalid(name, value, fmt.Sprintf("exceeds maximum list size of [%d].", size))
		}
		return nil
	})
}

// Check makes a validator of a function; description is what the reference page shows as valid values.
func Check(description string, check func(name string, value any) error) Validator {
	return checkFunc{description, check}
}

type checkFunc struct {
	description string
	check       func(name string, value any) error
}

func (c checkFunc) Validate(name string, value any) error { return c.check(name, value) }
func (c checkFunc) String() string                        { return c.description }

// All demands what every one of the validators demands, and reports the first fault.
func All(validators ...Validator) Validator { return all(validators) }

type all []Validator

func (a all) Validate(name string, value any) error {
	for _, v := range a {
		if err := v.Validate(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (a all) String() string {
	var b strings.Builder
	for _, v := range a {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(v.String())
	}
	return b.String()
}

// ListOf allows lists of the given strings without repetition. Whether a list may be empty is said by
// emptyAllowed; a missing list is refused (Java's ValidList.in).
func ListOf(emptyAllowed bool, valid ...string) Validator {
	return listValidator{valid: valid, emptyAllowed: emptyAllowed}
}

// AnyList allows lists of any non-empty strings without repetition (Java's ValidList.anyNonDuplicateValues).
func AnyList(emptyAllowed, nullAllowed bool) Validator {
	return listValidator{emptyAllowed: emptyAllowed, nullAllowed: nullAllowed}
}

type listValidator struct {
	valid                     oneOf
	emptyAllowed, nullAllowed bool
}

func (l listValidator) Validate(name string, value any) error {
	list, ok := value.([]string)
	switch {
	case !ok && l.nullAllowed:
		return nil
	case !ok:
		return listError(name, "values must not be null.")
	case len(list) == 0 && !l.emptyAllowed:
		valid := "any non-empty value"
		if len(l.valid) > 0 {
			valid = l.valid.String()
		}
		return listError(name, "must not be empty. Valid values include: "+valid)
	}
	for i, s := range list {
		if slices.Contains(list[:i], s) {
			return listError(name, "values must not be duplicated.")
		}
	}
	for _, s := range list {
		if s == "" {
			return listError(name, "values must not be empty.")
		}
		if len(l.valid) > 0 {
			if err := l.valid.Validate(name, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l listValidator) String() string {
	if len(l.valid) == 0 {
		return ""
	}
	return l.valid.String()
}

func listError(name, what string) error {
	return &Error{Name: name, Text: fmt.Sprintf("Configuration '%s' %s", name, what)}
}
