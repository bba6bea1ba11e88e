package connect

// ExactlyOnceSupporter is an optional interface of a source Connector (KIP-618): it tells before a connector is created whether its
// tasks can deliver exactly once, which a config may require (exactly.once.support=required). The worker does its part; the
// connector's is that its tasks read on from the offsets that are stored, and never return what lies before them.
type ExactlyOnceSupporter interface {
	// ExactlyOnceSupport tells whether they do so with this config. It is called on an instance that is not started. An error
	// keeps the config from being accepted.
	ExactlyOnceSupport(props map[string]string) (bool, error)
}

// TransactionBoundaryDefiner is an optional interface of a source Connector whose tasks can say where transactions end
// (TransactionContext), which a config may ask for (transaction.boundary=connector).
type TransactionBoundaryDefiner interface {
	// CanDefineTransactionBoundaries tells whether they do so with this config. It is called on an instance that is not started.
	CanDefineTransactionBoundaries(props map[string]string) (bool, error)
}

// TransactionContext is an optional companion of SourceTaskContext, found by type assertion: it is there where the worker delivers
// exactly once and the connector's config leaves the boundaries of transactions to its tasks (transaction.boundary=connector).
// It is for the goroutine of Poll. What is asked for holds for the records that the present Poll returns. Without any request
// a transaction goes on with the next Poll.
type TransactionContext interface {
	// CommitTransaction has the transaction end with the last of these records, AbortTransaction has it given up with them:
	// what was sent in it does not count, but the offsets do, so that the task does not see the same again.
	CommitTransaction()
	AbortTransaction()
	// CommitTransactionAfter and AbortTransactionAfter are the same for one of these records, which is named by its place in
	// the slice that Poll returns.
	CommitTransactionAfter(record int)
	AbortTransactionAfter(record int)
}
