package raw

import (
	"encoding/binary"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func rawBatch(base int64, lastDelta, epoch int32, magic byte, body int) []byte {
	b := make([]byte, batchHead+body)
	binary.BigEndian.PutUint64(b, uint64(base))
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-atEpoch))
	binary.BigEndian.PutUint32(b[atEpoch:], uint32(epoch))
	b[atMagic] = magic
	binary.BigEndian.PutUint32(b[atLastDelta:], uint32(lastDelta))
	return b
}

func TestScanFindsWhereToReadOn(t *testing.T) {
	join := func(bs ...[]byte) (all []byte) {
		for _, b := range bs {
			all = append(all, b...)
		}
		return all
	}
	whole := rawBatch(10, 4, 3, 2, 20)
	for name, c := range map[string]struct {
		data  []byte
		from  int64
		next  int64
		epoch int32
	}{
		"nothing":             {nil, 7, 7, -1},
		"one":                 {whole, 10, 15, 3},
		"begins before":       {whole, 12, 15, 3},
		"two":                 {join(whole, rawBatch(15, 0, 4, 2, 0)), 10, 16, 4},
		"a gap":               {join(whole, rawBatch(100, 0, 4, 2, 0)), 10, 101, 4},
		"the last is cut off": {join(whole, rawBatch(15, 0, 4, 2, 9)[:62]), 10, 15, 3},
		"only a part":         {whole[:30], 10, 10, -1},
		"an old message":      {rawBatch(12, 77, 9, 1, 0), 10, 13, -1},
		"not yet there":       {whole, 20, 20, -1},
		"a negative delta":    {rawBatch(10, -1, 3, 2, 0), 10, 10, -1},
		"a negative offset":   {rawBatch(-5, 0, 3, 2, 0), 10, 10, -1},
		"offsets end":         {rawBatch(1<<63-1, 0, 3, 2, 0), 10, 10, -1},
	} {
		if next, epoch := scan(c.data, c.from); next != c.next || epoch != c.epoch {
			t.Errorf("%s: %d in epoch %d, want %d in %d", name, next, epoch, c.next, c.epoch)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add(append(rawBatch(10, 4, 3, 2, 20), rawBatch(15, 0, 4, 1, 0)...), int64(12))
	f.Fuzz(func(t *testing.T, data []byte, from int64) {
		if next, _ := scan(data, from); next < from {
			t.Errorf("from %d back to %d", from, next)
		}
	})
}

func FuzzDecode(f *testing.F) {
	resp := kmsg.NewPtrFetchResponse()
	resp.Version = 13
	topic, part := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
	part.RecordBatches = rawBatch(10, 4, 3, 2, 20)
	topic.Partitions = append(topic.Partitions, part)
	resp.Topics = append(resp.Topics, topic)
	f.Add(append([]byte{0}, resp.AppendTo(nil)...), int16(13))
	f.Fuzz(func(t *testing.T, data []byte, version int16) {
		req := kmsg.NewPtrFetchRequest()
		req.Version = min(max(version, leastFetch), mostFetch)
		got, err := decode(req, data)
		if err == nil {
			for _, t := range got.(*kmsg.FetchResponse).Topics {
				for _, p := range t.Partitions {
					scan(p.RecordBatches, 0)
				}
			}
		}
	})
}
