// Package storage keeps a worker's configs, source offsets and statuses in three compacted logs, in the formats of Java
// Connect workers. It works on the Log interface only: it imports no Kafka client.
package storage
