// Package raw speaks the Kafka protocol over connections of its own, for whole record batches: they arrive in pooled buffers,
// are handed on without a copy, and leave in the order in which they were given.
//
// It holds connections (Conn), brokers and leaders (Cluster), and a consumer and a producer of record batches (Reader, Producer).
// Requests and responses are kmsg's; TLS and SASL are those of internal/kgo. It looks at the fixed fields of a batch's header only:
// what is inside of a batch, whether its checksum is right and where it goes to is others' business. It must not use franz-go's
// client, and decides nothing about mirroring.
package raw
