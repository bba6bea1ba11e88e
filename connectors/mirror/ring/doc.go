// Package ring finds the ways by which a record that a mirror link copies would come back to be copied again: for ever, and
// more of it each time.
//
// It knows clusters by their ids, links as values with two functions (what a link copies, and under which name), and topics
// by name. How a link is configured, where the known links come from, and what is done about a ring is not its business.
// It is a floor package: no client, no goroutine, no clock.
package ring
