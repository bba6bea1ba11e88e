// Package configlog knows the records of a Connect cluster's three internal topics: it replays config records into an
// immutable snapshot with the changes since the last one, and encodes and decodes config, offset and status records in
// the bytes that Java workers write and read.
//
// It is pure: no goroutine, clock, client or logger. Whatever it cannot read becomes a Warning, never an error or a panic,
// because the topics are shared with other writers.
package configlog
