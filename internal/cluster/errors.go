package cluster

import "fmt"

// Code is an error's class; the REST layer maps each to one HTTP status.
type Code int

// The classes of failure that a request can meet.
const (
	CodeInternal      Code = iota // 500
	CodeBadRequest                // 400
	CodeForbidden                 // 403
	CodeNotFound                  // 404
	CodeConflict                  // 409: already exists, or wrong state for the request
	CodeRebalancing               // 409 with Java's sentence
	CodeTimeout                   // 500: the herder did not answer within the bound
	CodeUnavailable               // 503: e.g. no session key yet
	CodeUnprocessable             // 422
)

// Error is a failure with a class. Message is what the caller reads, so it holds no secret.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string { return e.Message }

// Errorf makes an Error.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// NotFound says that a connector or task does not exist.
func NotFound(format string, args ...any) *Error { return Errorf(CodeNotFound, format, args...) }

// BadRequest says that the caller's input is refused.
func BadRequest(format string, args ...any) *Error { return Errorf(CodeBadRequest, format, args...) }

// Conflict says that the request does not fit the present state.
func Conflict(format string, args ...any) *Error { return Errorf(CodeConflict, format, args...) }

// NotLeader asks for the request to be forwarded.
type NotLeader struct {
	// LeaderURL is the leader's advertised REST URL, empty while none is known.
	LeaderURL string
}

func (e *NotLeader) Error() string {
	if e.LeaderURL == "" {
		return "this worker is not the leader of the group, and the leader is not known yet"
	}
	return "this worker is not the leader of the group; the leader is " + e.LeaderURL
}

// NotAssigned asks for a request about a connector or task to be forwarded to the worker that runs it.
type NotAssigned struct {
	// OwnerURL is the REST URL of the worker to which the work is assigned, empty while unknown.
	OwnerURL string
}

func (e *NotAssigned) Error() string { return "the work is assigned to the worker at " + e.OwnerURL }

// ErrRebalancing is Java's sentence for requests while a rebalance is pending; clients compare it whole.
var ErrRebalancing = &Error{
	Code:    CodeRebalancing,
	Message: "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)",
}
