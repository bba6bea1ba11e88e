// Package clientconf is the one translation from Java Kafka client properties, as operators write them in a worker file, to
// librdkafka settings and to a neutral [Settings] from which franz-go options are made.
//
// Every property of Kafka 4.3's producer, consumer and admin configurations has a verdict: translated, ignored because it
// means nothing here, or without a counterpart, which yields a [Warning] by name. Unknown properties are warned about too.
// A property "librdkafka.X" hands X to librdkafka untouched and wins over what the translation says.
//
// The room also holds Connect's own client defaults and their precedence (see [TaskProducerProps] and its neighbours), the
// JAAS parser, and the readers of PEM, PKCS12 and JKS stores.
//
// It is pure: maps in, values out. It opens no file (the caller hands in a [ReadFile]), knows no clock, logs nothing, and
// imports neither Kafka client. Secrets appear in no error and no warning.
package clientconf
