// Package herder decides what a Connect worker does: which connectors and tasks run here, when to rejoin the group,
// what a request may do and who else must be asked, when configs are written and tasks are generated anew.
//
// It is one deterministic machine: Step takes an event and the time, and returns effects. No goroutine, clock, client,
// logger or file may enter; whatever takes time is an effect whose outcome comes back as an event.
package herder
