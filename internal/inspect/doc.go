// Package inspect turns the records of a Connect cluster's three internal topics into a report that people and programs can
// read: what workers make of the records, and what they pass over.
//
// It is pure: records in, report, text and JSON out. It reads no topic itself, knows no client and no clock, and never shows
// a session key; other secrets only where it is told to.
package inspect
