package mirror

import (
	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// convert makes source records. What the records of a partition have in common is shared, and the offsets and headers of
// a batch lie in one allocation each, as this runs for every record.
func (t *task) convert(recs []client.ConsumedRecord) []connect.SourceRecord {
	out := t.records[:0]
	offsets := make([]connect.Entry, len(recs))
	var headers []connect.Header
	var p *partition
	for i := range recs {
		r := &recs[i]
		if p == nil || p.tp.Partition != r.Partition || p.tp.Topic != r.Topic {
			if p = t.parts[connect.TopicPartition{Topic: r.Topic, Partition: r.Partition}]; p == nil {
				continue
			}
		}
		p.next = r.Offset + 1
		offsets[i] = connect.Entry{Key: offsetKey, Value: r.Offset}
		out = append(out, connect.SourceRecord{
			SourcePartition: p.source,
			SourceOffset:    offsets[i : i+1 : i+1],
			Topic:           p.remote,
			Partition:       r.Partition,
			KeySchema:       connect.OptionalBytesSchema,
			Key:             bytesOrNil(r.Key),
			ValueSchema:     connect.OptionalBytesSchema,
			Value:           bytesOrNil(r.Value),
			Timestamp:       r.Timestamp,
		})
		if n := len(r.Headers); n > 0 {
			if cap(headers)-len(headers) < n {
				headers = make([]connect.Header, 0, headerCount(recs[i:]))
			}
			from := len(headers)
			for _, h := range r.Headers {
				headers = append(headers, connect.Header{Key: h.Key, Schema: connect.OptionalBytesSchema, Value: bytesOrNil(h.Value)})
			}
			out[len(out)-1].Headers = headers[from:len(headers):len(headers)]
		}
	}
	t.records = out
	return out
}

func headerCount(recs []client.ConsumedRecord) int {
	n := 0
	for i := range recs {
		n += len(recs[i].Headers)
	}
	return n
}

// bytesOrNil keeps null apart from empty.
func bytesOrNil(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}
