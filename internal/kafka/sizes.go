package kafka

/*
#include "glue.h"
*/
import "C"

// sizes gives the sizes of the structures in rdk.h, for the test that compares them with the library's.
func sizes() map[string]int {
	return map[string]int{
		"rd_kafka_message_t":              C.sizeof_rd_kafka_message_t,
		"rd_kafka_topic_partition_t":      C.sizeof_rd_kafka_topic_partition_t,
		"rd_kafka_topic_partition_list_t": C.sizeof_rd_kafka_topic_partition_list_t,
		"rd_kafka_vu_t":                   C.sizeof_rd_kafka_vu_t,
		"struct rd_kafka_metadata":        C.sizeof_struct_rd_kafka_metadata,
		"struct rd_kafka_metadata_topic":  C.sizeof_struct_rd_kafka_metadata_topic,
		"struct rd_kafka_metadata_broker": C.sizeof_struct_rd_kafka_metadata_broker,
	}
}
