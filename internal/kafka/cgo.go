package kafka

// The symbols of librdkafka come from the archive that the imported confluent-kafka-go links; while cgo examines this
// package by itself they have to stay open.

/*
#cgo CFLAGS: -O2 -Wall
#cgo linux LDFLAGS: -Wl,--unresolved-symbols=ignore-in-object-files
#cgo darwin LDFLAGS: -Wl,-undefined,dynamic_lookup
#include <stdlib.h>
#include "glue.h"
*/
import "C"

import (
	_ "github.com/confluentinc/confluent-kafka-go/v2/kafka" // links librdkafka
)
