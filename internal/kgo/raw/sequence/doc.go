// Package sequence is the order of one partition's batches on their way to a broker, as an idempotent producer keeps it (KIP-98,
// KIP-360): which batch goes next and under which sequence number, what an answer means for it and for those behind it, and when the
// producer's epoch has to change.
//
// What it rests on is the broker's check. A broker keeps the sequence numbers of the last five batches of each producer and
// partition. It takes a batch that follows them, answers one that is among them with the offset that it had, and refuses others. So
// whatever gets lost on the way, a batch that is sent again under its number is written once, as long as no more than five are
// without an outcome. It knows no number of a producer that it sees for the first time, or under a new epoch, which is why the first
// batch then goes alone.
//
// It is a pure package: no goroutine, no clock, no I/O. Times come in as values.
package sequence
