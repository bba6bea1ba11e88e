// Package node wires one worker from its properties: config providers, plugins, Kafka clients, group client, TLS. It is
// the only room that knows both the worker and the client libraries; what it makes is handed to the worker by interfaces.
package node
