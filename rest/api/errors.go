package api

import "net/http"

// Error is a failure with the HTTP status that it is answered with. Message is what the caller reads, so it holds no secret.
type Error struct {
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Message }

// badRequest makes the refusal of a caller's input.
func badRequest(message string) *Error {
	return &Error{Status: http.StatusBadRequest, Message: message}
}
