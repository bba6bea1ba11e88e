// Package kgoclient turns [clientconf.Settings] into franz-go options, for the clients of the group and of the mirror, and
// runs embedded Kafka clusters (kfake) for development and tests.
//
// It decides nothing about Connect: no topic, group or record has a meaning here. It must not be imported by the pure rooms,
// and does not know librdkafka.
package kgoclient
