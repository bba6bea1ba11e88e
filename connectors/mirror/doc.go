// Package mirror copies topics from one Kafka cluster to another: MirrorSource under the names, properties and stored
// offsets of MirrorMaker 2 (KIP-382), so that a link goes on where a Java worker stopped.
//
// It declares the Kafka clients that it needs and imports none; the assembly hands them in by Clients.
package mirror
