// Package workerconf is the worker's own configuration: the properties of Kafka 4.3's DistributedConfig with their
// types, defaults and checks, and the typed Config that the rest of the worker reads.
//
// It is pure: a map in; a Config, warnings and errors out. It opens no file and no socket, knows neither clock nor
// environment, and logs nothing. What becomes of client properties is decided in clientconf, not here.
package workerconf
