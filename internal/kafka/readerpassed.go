package kafka

import "github.com/connectd/connectd/connect"

// Passed is the offset up to which a partition that is being read holds nothing more for Poll: like Position, but past markers
// of transactions too, once a Poll found nothing. It is -1 where that is not known.
func (r *Reader) Passed(tp connect.TopicPartition) int64 {
	at, known := r.consumed()[tp]
	if !known {
		return -1
	}
	return at
}
