// Package task runs the tasks of connectors: it drives source tasks (poll, convert, send, store offsets) and sink tasks
// (consume, convert, put, commit), and owns their life from start to stopped.
//
// It sees Kafka only through the interfaces in clients.go, and decides nothing about which tasks should run: that is the
// herder's.
package task
