package rawbatch_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/testkit"
)

// realBroker produces and fetches bytes.
type realBroker struct {
	t     *testing.T
	ctx   context.Context
	c     *kgo.Client
	admin *kadm.Client
}

func newRealBroker(t *testing.T, bootstrap string) *realBroker {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	c, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.UnknownTopicRetries(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &realBroker{t: t, ctx: ctx, c: c, admin: kadm.NewClient(c)}
}

// topic makes a topic and waits until its leader serves.
func (r *realBroker) topic(name string, configs map[string]string) [16]byte {
	r.t.Helper()
	given := map[string]*string{}
	for k, v := range configs {
		given[k] = kmsg.StringPtr(v)
	}
	made, err := r.admin.CreateTopic(r.ctx, 1, 1, given, name)
	if err != nil {
		r.t.Fatal(err)
	}
	testkit.Eventually(r.t, time.Minute, func(context.Context) error {
		_, err := r.fetch(name, made.ID, 0, 0)
		return err
	})
	return made.ID
}

// produce sends one batch as it is.
func (r *realBroker) produce(topic string, id [16]byte, raw []byte) error {
	r.t.Helper()
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 10_000
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.TopicID = topic, id
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = raw
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	res, err := req.RequestWith(r.ctx, r.c)
	if err != nil {
		r.t.Fatal(err)
	}
	return kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode)
}

// fetch gets what lies in the log from an offset on.
func (r *realBroker) fetch(topic string, id [16]byte, from int64, isolation int8) (kmsg.FetchResponseTopicPartition, error) {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.IsolationLevel = 100, 0, 32<<20, isolation
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = topic, id
	p := kmsg.NewFetchRequestTopicPartition()
	p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = from, 32<<20, -1
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	req.SessionEpoch = -1
	res, err := req.RequestWith(r.ctx, r.c)
	if err != nil {
		return kmsg.FetchResponseTopicPartition{}, err
	}
	if err := kerr.ErrorForCode(res.ErrorCode); err != nil {
		return kmsg.FetchResponseTopicPartition{}, err
	}
	got := res.Topics[0].Partitions[0]
	return got, kerr.ErrorForCode(got.ErrorCode)
}

// seal makes the checksum right after a change.
func seal(raw []byte) []byte {
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// brokerRow is a batch, changed in one way, and what becomes of it.
type brokerRow struct {
	name   string
	topic  string
	codec  int8
	size   int // of a record; there are ten
	change func([]byte)
	judged rawbatch.Reason // what Judge says to the changed batch
	err    error           // what the broker says to it, unpatched
	same   bool            // if it takes it: its readers see the same records as the source's
}

const (
	logTime       = 0x08
	transactional = 0x10
	control       = 0x20
	horizon       = 0x40
)

func flag(bits byte) func([]byte)         { return func(raw []byte) { raw[22] |= bits } }
func add(at int, delta byte) func([]byte) { return func(raw []byte) { raw[at] += delta } }
func asItIs([]byte)                       {}

// logTimed is what a log that sets timestamps makes of a batch.
func logTimed(raw []byte) {
	raw[22] |= logTime
	raw[42] += 5
}

// brokerTopics are the target topics, and their settings.
var brokerTopics = map[string]struct {
	configs map[string]string
	rules   rawbatch.Rules
}{
	"as-is":      {nil, rawbatch.Rules{Codec: rawbatch.AnyCodec}},
	"log-time":   {map[string]string{"message.timestamp.type": "LogAppendTime"}, rawbatch.Rules{Codec: rawbatch.AnyCodec, LogAppendTime: true}},
	"none":       {map[string]string{"compression.type": "uncompressed"}, rawbatch.Rules{Codec: rawbatch.CodecNone}},
	"gzip":       {map[string]string{"compression.type": "gzip"}, rawbatch.Rules{Codec: rawbatch.CodecGzip}},
	"small":      {map[string]string{"max.message.bytes": "2000"}, rawbatch.Rules{Codec: rawbatch.AnyCodec, MaxBytes: 2000}},
	"small-none": {map[string]string{"max.message.bytes": "2000", "compression.type": "uncompressed"}, rawbatch.Rules{MaxBytes: 2000}},
	"small-gzip": {
		map[string]string{"max.message.bytes": "2000", "compression.type": "gzip"},
		rawbatch.Rules{Codec: rawbatch.CodecGzip, MaxBytes: 2000},
	},
	"compact": {map[string]string{"cleanup.policy": "compact"}, rawbatch.Rules{Codec: rawbatch.AnyCodec}},
	"young":   {map[string]string{"message.timestamp.before.max.ms": "3600000"}, rawbatch.Rules{Codec: rawbatch.AnyCodec}},
}

// brokerRows are Kafka 4.3.1's answers. What Patch writes must be right, or else: a base offset other than 0, a control batch, a producer
// without a sequence and a transactional batch outside of a transaction are refused. What Judge decodes is refused, or the target's
// readers would see something else, or the broker would do the work.
var brokerRows = []brokerRow{
	{"plain", "as-is", 0, 10, asItIs, rawbatch.Whole, nil, true},
	{"lz4", "as-is", 3, 10, asItIs, rawbatch.Whole, nil, true},
	{"base offset", "as-is", 0, 10, add(7, 5), rawbatch.Whole, kerr.InvalidRecord, false},
	{"leader epoch", "as-is", 0, 10, add(15, 5), rawbatch.Whole, nil, true}, // it writes its own
	{"max timestamp", "as-is", 0, 10, add(42, 5), rawbatch.Whole, nil, true},
	{"max timestamp, lz4", "as-is", 3, 10, add(42, 5), rawbatch.Whole, nil, true},
	{"delete horizon", "as-is", 0, 10, flag(horizon), rawbatch.Whole, nil, true}, // it keeps the bit, so Patch must clear it
	{"unused bits", "as-is", 0, 10, func(raw []byte) { raw[21] = 0x80 }, rawbatch.Whole, nil, true},
	{"log append time", "as-is", 0, 10, logTimed, rawbatch.LogTime, nil, false}, // it clears the bit
	{"log append time, lz4", "as-is", 3, 10, logTimed, rawbatch.LogTime, nil, false},
	{"log append time to the same", "log-time", 0, 10, logTimed, rawbatch.Whole, kerr.InvalidTimestamp, false},
	{"create time to log append time", "log-time", 0, 10, asItIs, rawbatch.Whole, nil, false},
	{"control", "as-is", 0, 10, flag(control), rawbatch.Control, kerr.InvalidRecord, false},
	{"transactional", "as-is", 0, 10, flag(transactional), rawbatch.Whole, kerr.TransactionalIDAuthorizationFailed, false},
	{"gap at the end", "as-is", 0, 10, add(26, 1), rawbatch.Gaps, kerr.InvalidRecord, false},
	{"empty", "as-is", 0, 10, func(raw []byte) { raw[60] = 0 }, rawbatch.Empty, kerr.InvalidRecord, false},
	{"producer without sequence", "as-is", 0, 10, func(raw []byte) { clear(raw[43:53]) }, rawbatch.Whole, kerr.InvalidRecord, false},
	{"other codec", "gzip", 3, 10, asItIs, rawbatch.OtherCodec, nil, true},
	{"from no codec", "gzip", 0, 10, asItIs, rawbatch.OtherCodec, nil, true},
	{"same codec", "gzip", 1, 10, asItIs, rawbatch.Whole, nil, true},
	{"to no codec", "none", 3, 10, asItIs, rawbatch.OtherCodec, nil, true},
	{"too large", "small", 0, 1000, asItIs, rawbatch.TooLarge, kerr.MessageTooLarge, false},
	{"too large, lz4", "small", 3, 1000, asItIs, rawbatch.TooLarge, kerr.MessageTooLarge, false},
	{"too large when decompressed", "small-none", 3, 250, asItIs, rawbatch.OtherCodec, kerr.MessageTooLarge, false},
	{"too large before it is compressed", "small-gzip", 0, 250, asItIs, rawbatch.OtherCodec, kerr.MessageTooLarge, false},
	{"offsets of records", "as-is", 0, 10, func(raw []byte) { raw[64] = 18 }, rawbatch.Whole, nil, true}, // it counts them, and does not look
	// What Judge can't see: the broker refuses it, and the records themselves.
	{"no keys to a compacted topic", "compact", 0, 0, unkeyed, rawbatch.Whole, kerr.InvalidRecord, false},
	{"timestamp too old", "young", 0, 10, asItIs, rawbatch.Whole, kerr.InvalidTimestamp, false},
	// What Check sees.
	{"wrong checksum", "as-is", 0, 10, nil, rawbatch.Whole, kerr.CorruptMessage, false},
}

// unkeyed makes the key of the first record null: "k0" becomes a longer value.
func unkeyed(raw []byte) {
	record := raw[61:]
	copy(record[4:], []byte{1, 4, 'k', '0', 0}) // no key, a value of two bytes, no headers
}

// TestBroker asks a real broker what it does with batches as they are.
func TestBroker(t *testing.T) {
	t.Parallel()
	r := newRealBroker(t, testkit.Kafka(t))
	ids := map[string][16]byte{}
	for name, topic := range brokerTopics {
		ids[name] = r.topic("rawbatch-"+name, topic.configs)
	}
	for _, row := range brokerRows {
		t.Run(row.name, func(t *testing.T) { r.ask(t, row, "rawbatch-"+row.topic, ids[row.topic]) })
	}
	for codec := rawbatch.CodecGzip; codec <= rawbatch.CodecZstd; codec++ {
		t.Run(fmt.Sprintf("reads codec %d", codec), func(t *testing.T) { r.decompresses(t, codec, "rawbatch-none", ids["none"]) })
	}
}

// decompresses has the broker, Java that is, decompress what Encoder compressed: its topic keeps records uncompressed.
func (r *realBroker) decompresses(t *testing.T, codec int8, topic string, id [16]byte) {
	for _, size := range []int{10, 2000, 20_000} { // in one block of all codecs, in some, in many
		b := made(t, 25, size, codec)
		before, err := r.fetch(topic, id, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.produce(topic, id, b.Bytes); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		after, err := r.fetch(topic, id, before.HighWatermark, 0)
		if err != nil {
			t.Fatal(err)
		}
		stored := next(t, after.RecordBatches)
		got, want := mustDecode(t, &stored), mustDecode(t, &b)
		for i := range got {
			got[i].Offset -= stored.BaseOffset
		}
		if d := cmp.Diff(want, got); d != "" || stored.Codec != rawbatch.CodecNone {
			t.Errorf("%d bytes, stored with codec %d: %s", size, stored.Codec, d)
		}
	}
}

func (r *realBroker) ask(t *testing.T, row brokerRow, topic string, id [16]byte) {
	b := made(t, 10, row.size, row.codec)
	if row.change == nil {
		b.Bytes[20]++
	} else {
		row.change(b.Bytes)
		b = next(t, seal(b.Bytes))
	}
	if v := rawbatch.Judge(&b, b.BaseOffset, brokerTopics[row.topic].rules); v.Reason != row.judged {
		t.Errorf("judged %v, %v", v.Action, v.Reason)
	}
	before, err := r.fetch(topic, id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	err = r.produce(topic, id, b.Bytes)
	if err != row.err {
		t.Errorf("the broker says %v", err)
	}
	if err != nil {
		return
	}
	after, err := r.fetch(topic, id, before.HighWatermark, 0)
	if err != nil {
		t.Fatal(err)
	}
	stored := next(t, after.RecordBatches)
	got, want := mustDecode(t, &stored), mustDecode(t, &b)
	for i := range got {
		got[i].Offset -= stored.BaseOffset - b.BaseOffset
	}
	if d := cmp.Diff(want, got); (d == "") != row.same {
		t.Errorf("readers see %s", d)
	}
	if row.name == "delete horizon" && !stored.DeleteHorizon {
		t.Error("the broker clears the bit itself")
	}
}
