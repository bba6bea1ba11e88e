// Package rawbatch holds record batches as the bytes that they are: where one ends, whether it is intact, whether it may go to
// another cluster as it is, what is written into it for that, and how its records are taken out and put together anew where it may
// not. Format v2 (KIP-98) is what is written; message sets of the formats v0 and v1 are recognised and read.
//
// It is pure: bytes in, bytes out. It knows no broker, topic or connector, compresses nothing itself (Codec), and must not be given
// a clock, a client or a logger. Nothing in here panics on any input.
//
// The way of a batch that can be passed on allocates nothing: Next, Order.Check, Check, Filter.Aborted, Judge, Patch.
//
// The checksum of a batch covers its attributes and all behind them. What lies before is guarded otherwise: the length by the
// checksum, which would miss the right bytes; the magic byte, whose other values read the header as another format or as none; the
// leader epoch by nothing, as it is not looked at and not passed on; the base offset by Order.
package rawbatch
