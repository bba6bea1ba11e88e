package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Parse reads the declared properties out of props. Other properties are left alone: see Values.Originals. The
// error, if any, joins one [*Error] per fault in order of declaration, so that a user can mend all in one go.
func (d *Def) Parse(props map[string]string) (Values, error) {
	v := Values{def: d, parsed: make(map[string]any, len(d.keys)), originals: props}
	var errs []error
	if missing := d.undefinedDependents(); len(missing) > 0 {
		errs = append(errs, &Error{Text: "Some configurations in are referred in the dependents, but not defined: " +
			strings.Join(missing, ",")})
	}
	for _, k := range d.keys {
		value, err := d.parseKey(k, props)
		if err == nil {
			value = v.dropDuplicates(k, value)
			if k.Validator != nil {
				err = k.Validator.Validate(k.Name, value)
			}
		}
		if err != nil {
			errs = append(errs, named(k.Name, err))
			continue
		}
		v.parsed[k.Name] = value
	}
	return v, errors.Join(errs...)
}

func (d *Def) parseKey(k *Key, props map[string]string) (any, error) {
	raw, set := props[k.Name]
	switch {
	case set:
		return d.parseText(k.Name, raw, k.Type)
	case !k.HasDefault:
		return nil, &Error{Name: k.Name, Text: fmt.Sprintf("Missing required configuration %q which has no default value.", k.Name)}
	}
	return k.Default, nil
}

func (d *Def) parseText(name, raw string, t Type) (any, error) {
	if t == TypeClass && d.known != nil && !d.known(javaTrim(raw)) {
		return nil, Invalid(name, raw, fmt.Sprintf("Class %s could not be found.", raw))
	}
	return ParseType(name, raw, t)
}

// dropDuplicates is KIP-1161's mercy for lists that older releases let repeat themselves: parsing cleans them,
// validation complains.
func (v *Values) dropDuplicates(k *Key, value any) any {
	list, ok := value.([]string)
	if _, strict := k.Validator.(listValidator); !ok || !strict {
		return value
	}
	seen := map[string]bool{}
	clean := slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		dup := seen[s]
		seen[s] = true
		return dup
	})
	if len(clean) != len(list) {
		v.warnings = append(v.warnings, fmt.Sprintf("Configuration key %q contains duplicate values. Duplicates will be "+
			"removed. The original value is: %s, the updated value is: %s", k.Name, javaString(list), javaString(clean)))
	}
	return clean
}

// named makes sure that an error of a foreign validator tells its property.
func named(name string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{Name: name, Text: err.Error()}
}

// ParseType reads the text of one property as the type says. The error is an [*Error] in Java's words.
func ParseType(name, raw string, t Type) (any, error) {
	text := javaTrim(raw)
	switch t {
	case TypeString:
		return text, nil
	case TypePassword:
		return NewPassword(text), nil
	case TypeClass:
		return Class(text), nil
	case TypeList:
		return splitList(text), nil
	case TypeBoolean:
		switch {
		case strings.EqualFold(text, "true"):
			return true, nil
		case strings.EqualFold(text, "false"):
			return false, nil
		}
		return nil, Invalid(name, raw, "Expected value to be either true or false")
	case TypeInt, TypeShort, TypeLong, TypeDouble:
		if n, ok := parseNumber(text, t); ok {
			return n, nil
		}
		return nil, Invalid(name, raw, "Not a number of type "+string(t))
	}
	return nil, &Error{Name: name, Text: fmt.Sprintf("Configuration %s has the unknown type %s", name, t)}
}

func parseNumber(text string, t Type) (any, bool) {
	switch t {
	case TypeInt:
		n, err := strconv.ParseInt(text, 10, 32)
		return int32(n), err == nil
	case TypeShort:
		n, err := strconv.ParseInt(text, 10, 16)
		return int16(n), err == nil
	case TypeLong:
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil
	}
	return parseJavaDouble(text)
}

// splitList cuts at commas; the blanks around an element do not belong to it, but an empty element counts.
func splitList(text string) []string {
	if text == "" {
		return []string{}
	}
	list := strings.Split(text, ",")
	for i, s := range list {
		list[i] = strings.Trim(s, " \t\n\v\f\r")
	}
	return list
}

// normalize turns a declared default into a value of the key's type.
func normalize(name string, v any, t Type) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return ParseType(name, v, t)
	case int:
		if t == TypeDouble {
			return float64(v), nil
		}
		return ParseType(name, strconv.Itoa(v), t)
	case []string:
		if t == TypeList {
			return slices.Clone(v), nil
		}
	}
	if typeOf(v) != t {
		return nil, Invalid(name, v, fmt.Sprintf("Expected a default of type %s, but it was a %T", t, v))
	}
	return v, nil
}

func typeOf(v any) Type {
	switch v.(type) {
	case bool:
		return TypeBoolean
	case string:
		return TypeString
	case int32:
		return TypeInt
	case int16:
		return TypeShort
	case int64:
		return TypeLong
	case float64:
		return TypeDouble
	case []string:
		return TypeList
	case Class:
		return TypeClass
	case Password:
		return TypePassword
	}
	return ""
}
