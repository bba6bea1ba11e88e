// Package connconf is the configuration of connectors as the worker sees it: the keys that every source and sink has,
// those that transformations, predicates and topic creation groups add, and the validation of a whole connector config
// with its converters and client overrides.
//
// Names, types, defaults, order and error texts are those of Kafka Connect 4.3 (ConnectorConfig, SourceConnectorConfig,
// SinkConnectorConfig, AbstractHerder), because tools compare them.
//
// The room is pure: values in, values out. What plugins there are is handed in as [Plugins]; a connector's own code runs
// only through Request.Check, which the caller bounds. It must not start plugins, do I/O, log, or know the worker.
package connconf
