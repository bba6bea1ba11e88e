// Package proto holds the bytes of the Connect group subprotocols: what a worker tells the group when it joins
// (Metadata), what the leader tells a worker (Assignment), and which protocol names are offered to the broker.
//
// It is pure: bytes in, values out. It must not touch a client, clock, logger or goroutine, and it decides nothing about
// who runs what. Decoders take bytes from other members of the group: they never panic and never allocate more than a
// small multiple of their input.
//
// Sources: Kafka Connect's ConnectProtocol (version 0, eager), KIP-415 (version 1, compatible), KIP-507 (version 2,
// sessioned, the same layout as version 1).
package proto
