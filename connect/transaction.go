package connect

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
