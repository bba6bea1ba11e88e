// Package testkit is what tests stand on: real Apache Kafka brokers and Java Connect workers as child processes, waiting for
// conditions, free ports, Java programs that tests talk to, and a check for leaked goroutines.
//
// Kafka 4.3.1 comes from Maven Central by java and mvn the first time and is kept in the user's cache folder. Where java or mvn is
// missing, a test that needs a broker is skipped with a loud line, and fails if CI=true. KAFKA_BOOTSTRAP names a broker to be used
// instead, where a test needs nothing but an address. Every child process is killed when its test ends, and (on Linux) when the
// test process dies.
//
// Only tests import this package, and it imports no other room: it must not know what it helps to test.
package testkit
