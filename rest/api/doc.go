// Package api holds the JSON bodies of Kafka Connect's REST interface: what the handlers send, what they read, what
// workers send to each other, and the signature on the latter (KIP-507).
//
// Field names and their order are those of Apache Kafka 4.3's Connect worker. It is values in, values out: no HTTP server or
// client, clock, goroutine or logger may enter here.
package api
