// Package connecttest is for authors of connectors: contract suites, Source and Sink, that drive a connector as a worker
// does and check what every connector owes, and fake contexts for tests of one's own.
//
// It needs no Kafka and no worker. Contexts that the suites hand out end after Timeout, so that a connector that hangs
// fails its test.
package connecttest

import "time"

// Timeout bounds each call that a suite makes.
const Timeout = 30 * time.Second
