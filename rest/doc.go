// Package rest is the worker's HTTP interface: Kafka Connect's resources on chi routers, the forwarding of requests to the
// worker that can answer them, and the map from errors to statuses.
//
// It decides nothing about connectors: it asks a Herder, an interface that it declares and the worker implements. It must not
// touch Kafka, storage or plugins. A resource is a file that lists its routes; what holds for all of them (media types,
// bodies, time limits, errors, forwarding) is done once, in serve.go.
package rest
