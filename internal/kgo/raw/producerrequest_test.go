package raw

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/connectd/connectd/internal/kgo/raw/sequence"
)

// TestGatheredRequestsAreWhatKmsgWrites compares requests of every version, byte by byte.
func TestGatheredRequestsAreWhatKmsgWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.Int16Range(leastProduce, mostProduce).Draw(t, "version")
		var id *string
		if version <= transactionalProduce && rapid.Bool().Draw(t, "transactional") {
			s := rapid.StringN(1, 200, -1).Draw(t, "id")
			id = &s
		}
		got := &produceRequest{}
		got.Version, got.Acks, got.TimeoutMillis, got.TransactionID = version, -1, 30000, id
		want := &kmsg.ProduceRequest{Version: version, Acks: -1, TimeoutMillis: 30000, TransactionID: id}
		for i := range rapid.IntRange(1, 4).Draw(t, "topics") {
			topic := &outTopic{name: string(rune('a'+i)) + rapid.StringN(0, 20, -1).Draw(t, "name"), meta: &Topic{ID: [16]byte{byte(i + 1)}}}
			wanted := kmsg.ProduceRequestTopic{Topic: topic.name, TopicID: topic.meta.ID}
			for part := range int32(rapid.IntRange(1, 20).Draw(t, "partitions")) {
				data := rapid.SliceOfN(rapid.Byte(), 61, 400).Draw(t, "batch")
				got.items = append(got.items, outItem{
					lane: &lane{topic: topic, partition: part}, batch: &sequence.Batch[parcel]{}, bytes: data,
				})
				wanted.Partitions = append(wanted.Partitions, kmsg.ProduceRequestTopicPartition{Partition: part, Records: data})
			}
			want.Topics = append(want.Topics, wanted)
		}
		got.sort()
		scratch, parts := got.Gather(make([]byte, 0, 16), nil)
		_ = scratch
		if !bytes.Equal(bytes.Join(parts, nil), want.AppendTo(nil)) {
			t.Fatalf("version %d differs", version)
		}
	})
}

// TestAnswersFindTheirBatches whatever their order, and those that an answer leaves out are not forgotten.
func TestAnswersFindTheirBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		req := &produceRequest{}
		req.Version = rapid.SampledFrom([]int16{9, 13}).Draw(t, "version")
		for i := range 3 {
			topic := &outTopic{name: string(rune('a' + i)), meta: &Topic{ID: [16]byte{byte(i + 1)}}}
			for part := range int32(4) {
				req.items = append(req.items, outItem{lane: &lane{topic: topic, partition: part}, batch: &sequence.Batch[parcel]{}})
			}
		}
		req.sort()
		resp := &kmsg.ProduceResponse{Version: req.Version}
		told := map[string]int64{}
		for _, i := range rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}).Draw(t, "order")[:rapid.IntRange(0, 12).Draw(t, "told")] {
			it := &req.items[i]
			topic := kmsg.ProduceResponseTopic{Topic: it.lane.topic.name}
			if req.Version == 13 {
				topic = kmsg.ProduceResponseTopic{TopicID: it.lane.topic.meta.ID}
			}
			topic.Partitions = []kmsg.ProduceResponseTopicPartition{{Partition: it.lane.partition, BaseOffset: int64(i)}}
			resp.Topics = append(resp.Topics, topic)
			told[it.lane.topic.name+string(rune('0'+it.lane.partition))] = int64(i)
		}
		resp.Topics = append(resp.Topics, kmsg.ProduceResponseTopic{Topic: "?", Partitions: []kmsg.ProduceResponseTopicPartition{{Partition: 99}}})
		heard := map[string]int{}
		req.answers(resp, nil, func(it *outItem, r result) {
			key := it.lane.topic.name + string(rune('0'+it.lane.partition))
			heard[key]++
			if offset, is := told[key]; is != (r.err == nil) || is && offset != r.offset {
				t.Errorf("%s: %+v, want offset %d", key, r, offset)
			}
		})
		if len(heard) != 12 {
			t.Errorf("answers for %v", heard)
		}
	})
}
