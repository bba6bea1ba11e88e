// Package offsetsync tells where a record of a source cluster lies in the target cluster.
//
// It holds the records of MirrorMaker 2's own topics in Java's binary formats (Sync, Checkpoint, Heartbeat), the record of
// this project's topic of pieces (Segment), the map that the pieces of a partition make (Pieces), the translation of a
// consumer's position by pieces and syncs (Translator), and what a task notes about the records it has delivered
// (Progress).
//
// All of it is values: no client, goroutine, clock or logger. Who reads and writes the topics is the mirror package.
package offsetsync
