package client

import "errors"

// ErrNoAuthorizer says that a cluster has no authorizer, so that it keeps no ACLs.
var ErrNoAuthorizer = errors.New("the cluster has no authorizer")

// Operations of ACLs that callers treat in their own way.
const (
	OperationAll   = "ALL"
	OperationRead  = "READ"
	OperationWrite = "WRITE"
)

// ACL is one binding of a principal's access to topics. It can be compared.
type ACL struct {
	// Topic is a topic's name, * for all topics, or the beginning of names if Prefixed.
	Topic    string
	Prefixed bool
	// Principal is such as "User:alice", Host an address or *.
	Principal, Host string
	// Operation is named as by Kafka: READ, DESCRIBE_CONFIGS.
	Operation string
	// Allow is false for a denial.
	Allow bool
}
