package clientconf

import "fmt"

// PropertyError says which property of a client is wrong and what is allowed. Value is already hidden if it is a secret.
type PropertyError struct {
	Property string
	Value    string
	Problem  string // completes the sentence "invalid value V for P: ..."
}

func (e *PropertyError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("%s: %s", e.Property, e.Problem)
	}
	return fmt.Sprintf("invalid value %q for %s: %s", e.Value, e.Property, e.Problem)
}

func invalid(property, value, format string, args ...any) *PropertyError {
	if value != "" && IsSecret(property) {
		value = Hidden
	}
	return &PropertyError{Property: property, Value: value, Problem: fmt.Sprintf(format, args...)}
}
