// Package group keeps one worker in its Connect group: it sends JoinGroup, SyncGroup, Heartbeat and LeaveGroup through a
// franz-go client and reports what the coordinator says.
//
// It decides nothing: when to join, with what metadata, what a leader assigns and what must stop is the owner's affair.
// The bytes of metadata and assignments pass through unread. It must not touch connectors, the config topic or any other
// client of the worker. All its goroutines belong to Run and have ended when Run returns.
package group
