//go:build corpus

package rawbatch_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/testkit"
)

// The corpus is made anew by
//
//	go test -tags corpus -run TestMakeCorpus ./connectors/mirror/rawbatch
//
// from a real broker, by Java's client, librdkafka and franz-go. Beside each partition's bytes is what Java's consumer read of it.

const corpusBase = 1_700_000_000_000

var corpusCodecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

type maker struct {
	*realBroker
	bootstrap string
	java      *testkit.JavaProgram
	kept      map[string]bool
}

func TestMakeCorpus(t *testing.T) {
	broker := testkit.StartBroker(t, testkit.Property("log.cleaner.backoff.ms", "200"), testkit.Property("transaction.state.log.num.partitions", "1"))
	m := &maker{
		realBroker: newRealBroker(t, broker.Bootstrap), bootstrap: broker.Bootstrap,
		java: testkit.StartJava(t, filepath.Join("testdata", "Batches.java")),
	}
	if err := os.RemoveAll(corpusFolder); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(corpusFolder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, codec := range corpusCodecs {
		for _, kind := range []string{"plain", "large", "transactions"} {
			if kind == "large" && codec == "none" {
				continue
			}
			m.make("java-"+kind+"-"+codec, nil, func(topic string) { m.ask(kind, m.bootstrap, topic, codec) })
			m.make("librdkafka-"+kind+"-"+codec, nil, func(topic string) { m.librdkafka(kind, topic, codec) })
			m.make("franz-"+kind+"-"+codec, nil, func(topic string) { m.franz(kind, topic, codec) })
		}
	}
	logTime := map[string]string{"message.timestamp.type": "LogAppendTime"}
	m.make("logtime-none", logTime, func(topic string) { m.ask("plain", m.bootstrap, topic, "none") })
	m.make("logtime-lz4", logTime, func(topic string) { m.ask("plain", m.bootstrap, topic, "lz4") })
	for _, codec := range []string{"none", "zstd"} {
		m.make("compacted-"+codec, map[string]string{
			"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.001", "segment.ms": "1000",
		}, func(topic string) {
			m.ask("compacted", m.bootstrap, topic, codec)
			m.awaitCompaction(topic)
		})
	}
	for magic := range 2 {
		for _, codec := range corpusCodecs[:4] {
			m.old(fmt.Sprintf("old-%d-%s", magic, codec), magic, codec, "create")
		}
	}
	m.old("old-1-logtime", 1, "gzip", "log")
}

func (m *maker) ask(words ...string) []string {
	m.t.Helper()
	answer := string(m.java.Ask([]byte(strings.Join(words, " "))))
	if strings.HasPrefix(answer, "failed") {
		m.t.Fatal(answer)
	}
	if answer == "" {
		return nil
	}
	return strings.Split(answer, ";")
}

// make makes one file of the corpus.
func (m *maker) make(name string, configs map[string]string, fill func(topic string)) {
	m.t.Helper()
	id := m.topic(name, configs)
	fill(name)
	data, aborted := m.all(name, id)
	lines := aborted
	for _, r := range m.ask("read", m.bootstrap, name, "read_uncommitted") {
		lines = append(lines, "record "+r)
	}
	for _, r := range m.ask("read", m.bootstrap, name, "read_committed") {
		offset, _, _ := strings.Cut(r, " ")
		lines = append(lines, "committed "+offset)
	}
	m.write(name, data, lines)
}

// all fetches a partition to its end, once all its transactions have ended.
func (m *maker) all(topic string, id [16]byte) (data []byte, aborted []string) {
	m.t.Helper()
	testkit.Eventually(m.t, time.Minute, func(context.Context) error {
		data, aborted = nil, nil
		for from := int64(0); ; {
			got, err := m.fetch(topic, id, from, 1)
			if err != nil {
				return err
			}
			if got.LastStableOffset < got.HighWatermark {
				return errors.New("a transaction is open")
			}
			for _, txn := range got.AbortedTransactions {
				if line := fmt.Sprintf("aborted %d %d", txn.ProducerID, txn.FirstOffset); !slices.Contains(aborted, line) {
					aborted = append(aborted, line)
				}
			}
			data = append(data, got.RecordBatches...)
			for rest := got.RecordBatches; len(rest) > 0; {
				var b rawbatch.Batch
				if b, rest, err = rawbatch.Next(rest); err != nil {
					return err
				}
				from = b.LastOffset() + 1
			}
			if from == got.HighWatermark {
				return nil
			}
		}
	})
	return data, aborted
}

func (m *maker) write(name string, data []byte, lines []string) {
	m.t.Helper()
	file := filepath.Join(corpusFolder, name)
	if err := os.WriteFile(file+".bin", data, 0o644); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(file+".txt", []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m *maker) old(name string, magic int, codec, times string) {
	m.t.Helper()
	lines := m.ask("old", fmt.Sprint(magic), codec, times)
	data, err := hex.DecodeString(lines[0])
	if err != nil {
		m.t.Fatal(err)
	}
	for i := range lines {
		lines[i] = "record " + lines[i]
	}
	m.write(name, data, lines[1:])
}

// awaitCompaction waits until the cleaner has been at work and has set when tombstones go.
func (m *maker) awaitCompaction(topic string) {
	m.t.Helper()
	made, err := m.admin.ListTopics(m.ctx, topic)
	if err != nil {
		m.t.Fatal(err)
	}
	testkit.Eventually(m.t, time.Minute, func(context.Context) error {
		got, err := m.fetch(topic, made[topic].ID, 0, 0)
		if err != nil {
			return err
		}
		gaps, horizon := false, false
		for data := got.RecordBatches; len(data) > 0; {
			b, rest, err := rawbatch.Next(data)
			if err != nil {
				return err
			}
			gaps = gaps || b.LastOffsetDelta+1 != b.Count
			horizon = horizon || b.DeleteHorizon
			data = rest
		}
		if !gaps || !horizon {
			return errors.New("not compacted yet")
		}
		return nil
	})
}

// corpusRecord is Batches.record.
func corpusRecord(i int) (key, val []byte, timestamp int64, headers []kgo.RecordHeader) {
	if i%5 != 0 {
		key = fmt.Appendf(nil, "key-%d", i)
	}
	if i%7 != 0 {
		val = []byte{}
		if i%11 != 0 {
			val = bytes.Repeat(fmt.Appendf(nil, "value %d ", i), 20)
		}
	}
	if i%3 == 0 {
		headers = []kgo.RecordHeader{{Key: "h", Value: fmt.Appendf(nil, "header %d", i)}, {Key: "n"}, {Key: "", Value: []byte{}}}
	}
	return key, val, corpusBase + int64(i%2*-20+10)*int64(i), headers
}

func largeValue() []byte {
	var val []byte
	for i := 0; len(val) < 200_000; i++ {
		val = append(val, bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstuvwxyz "), 50)...)
		val = fmt.Append(val, i)
	}
	return val
}

func (m *maker) librdkafka(kind, topic, codec string) {
	m.t.Helper()
	open := func(id string) *kafka.Producer {
		conf := kafka.ConfigMap{
			"bootstrap.servers": m.bootstrap, "compression.type": codec, "linger.ms": 20, "batch.size": 2000,
			"message.max.bytes": 4 << 20,
		}
		if id != "" {
			conf["transactional.id"] = id
		}
		p, err := kafka.NewProducer(&conf)
		if err != nil {
			m.t.Fatal(err)
		}
		if id != "" {
			must(m.t, p.InitTransactions(m.ctx))
		}
		go func() {
			for range p.Events() { // deliveries: what arrived is read back
			}
		}()
		m.t.Cleanup(p.Close)
		return p
	}
	send := func(p *kafka.Producer, key, val []byte, timestamp int64, headers []kgo.RecordHeader) {
		msg := &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &topic}, Key: key, Value: val, Timestamp: time.UnixMilli(timestamp),
		}
		for _, h := range headers {
			msg.Headers = append(msg.Headers, kafka.Header{Key: h.Key, Value: h.Value})
		}
		must(m.t, p.Produce(msg, nil))
	}
	m.script(kind, script{
		open: func(id string) any { return open(id) },
		send: func(p any, key, val []byte, timestamp int64, headers []kgo.RecordHeader) {
			send(p.(*kafka.Producer), key, val, timestamp, headers)
		},
		flush: func(p any) {
			for p.(*kafka.Producer).Flush(1000) > 0 {
			}
		},
		begin: func(p any) error { return p.(*kafka.Producer).BeginTransaction() },
		end: func(p any, commit bool) error {
			if commit {
				return p.(*kafka.Producer).CommitTransaction(m.ctx)
			}
			return p.(*kafka.Producer).AbortTransaction(m.ctx)
		},
	}, topic)
}

func (m *maker) franz(kind, topic, codec string) {
	m.t.Helper()
	compression := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(),
		"zstd": kgo.ZstdCompression(),
	}[codec]
	m.script(kind, script{
		open: func(id string) any {
			options := []kgo.Opt{
				kgo.SeedBrokers(m.bootstrap), kgo.ProducerBatchCompression(compression), kgo.ProducerLinger(20 * time.Millisecond),
				kgo.ProducerBatchMaxBytes(4 << 20), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(topic),
			}
			if id != "" {
				options = append(options, kgo.TransactionalID(id))
			}
			c, err := kgo.NewClient(options...)
			must(m.t, err)
			m.t.Cleanup(c.Close)
			return c
		},
		send: func(p any, key, val []byte, timestamp int64, headers []kgo.RecordHeader) {
			r := &kgo.Record{Key: key, Value: val, Timestamp: time.UnixMilli(timestamp), Headers: headers}
			p.(*kgo.Client).Produce(m.ctx, r, func(_ *kgo.Record, err error) {
				if err != nil {
					m.t.Error(err)
				}
			})
		},
		flush: func(p any) { must(m.t, p.(*kgo.Client).Flush(m.ctx)) },
		begin: func(p any) error { return p.(*kgo.Client).BeginTransaction() },
		end: func(p any, commit bool) error {
			return p.(*kgo.Client).EndTransaction(m.ctx, kgo.TransactionEndTry(commit))
		},
	}, topic)
}

// script is a client's calls.
type script struct {
	open  func(id string) any
	send  func(p any, key, val []byte, timestamp int64, headers []kgo.RecordHeader)
	flush func(p any)
	begin func(p any) error
	end   func(p any, commit bool) error
}

// script does what Batches does.
func (m *maker) script(kind string, s script, topic string) {
	m.t.Helper()
	sendRange := func(p any, from, n int) {
		for i := from; i < from+n; i++ {
			key, val, timestamp, headers := corpusRecord(i)
			s.send(p, key, val, timestamp, headers)
		}
		s.flush(p)
	}
	switch kind {
	case "plain":
		sendRange(s.open(""), 0, 40)
	case "large":
		p := s.open("")
		s.send(p, []byte("large"), largeValue(), corpusBase, nil)
		s.flush(p)
	case "transactions":
		a, b, none := s.open(topic+"-a"), s.open(topic+"-b"), s.open("")
		must(m.t, s.begin(a))
		must(m.t, s.begin(b))
		sendRange(a, 1, 3)
		sendRange(b, 11, 2)
		sendRange(none, 21, 2)
		sendRange(a, 31, 2)
		must(m.t, s.end(a, false))
		sendRange(b, 41, 2)
		must(m.t, s.begin(a))
		sendRange(a, 51, 2)
		must(m.t, s.end(b, true))
		must(m.t, s.end(a, true))
		must(m.t, s.begin(b))
		sendRange(b, 61, 2)
		must(m.t, s.end(b, false))
		must(m.t, s.begin(a))
		sendRange(a, 71, 1)
		must(m.t, s.end(a, false))
		sendRange(none, 81, 2)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
