package mirror

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
)

// rules are settings of the target's topics that decide which batches can be written as they are.
type rules struct {
	topics map[string]topicRules
	asked  time.Time // zero: to be asked for before the next batch
	wait   time.Duration
}

// topicRules are one topic's. The zero value is for a topic whose settings are not known.
type topicRules struct {
	most        int    // max.message.bytes; 0 unknown
	compression string // compression.type; empty is as producer
	appendTime  bool   // message.timestamp.type=LogAppendTime
}

const (
	// rulesInterval is how often settings are looked at again; a batch that is refused has them looked at before.
	rulesInterval = 5 * time.Minute
	rulesSoon     = 15 * time.Second // after settings of some topic could not be had, doubled each time
	rulesTimeout  = 10 * time.Second
)

// lookUpRules asks for the settings of the topics that are written to, when it is time to. Without an answer the present ones last.
func (t *task) lookUpRules(ctx context.Context, now time.Time) {
	if !t.lane.rules.asked.IsZero() && now.Sub(t.lane.rules.asked) < t.lane.rules.wait {
		return
	}
	t.lane.rules.asked = now
	names := map[string]bool{}
	for _, p := range t.parts {
		names[p.remote] = true
	}
	ctx, cancel := context.WithTimeout(ctx, rulesTimeout)
	defer cancel()
	a, err := t.clients.Admin(t.s.clientProps(targetSide, "admin", "replication-target-admin"))
	if err == nil {
		defer a.Close()
		err = t.readRules(ctx, a, slices.Sorted(maps.Keys(names)))
	}
	soon := min(max(2*t.lane.rules.wait, rulesSoon), rulesInterval)
	t.lane.rules.wait = rulesInterval
	for name := range names {
		if _, known := t.lane.rules.topics[name]; !known { // it may be about to be made
			t.lane.rules.wait = soon
		}
	}
	if err != nil {
		t.log.Debug("the settings of the target's topics can't be read; batches are written as they are, and in parts where they are refused", "error", err)
	}
}

func (t *task) readRules(ctx context.Context, a Admin, topics []string) error {
	configs, err := a.TopicConfigs(ctx, topics...)
	if t.lane.rules.topics == nil {
		t.lane.rules.topics = map[string]topicRules{}
	}
	for topic, c := range configs {
		r := topicRules{compression: c["compression.type"].Value, appendTime: c["message.timestamp.type"].Value == "LogAppendTime"}
		if r.compression == "producer" {
			r.compression = ""
		}
		r.most, _ = strconv.Atoi(c["max.message.bytes"].Value)
		t.lane.rules.topics[topic] = r
	}
	return err
}

// codecs are the values of compression.type.
var codecs = map[string]int8{
	"uncompressed": rawbatch.CodecNone, "gzip": rawbatch.CodecGzip, "snappy": rawbatch.CodecSnappy, "lz4": rawbatch.CodecLZ4, "zstd": rawbatch.CodecZstd,
}

// rulesFor are those for a partition's batches.
func (t *task) rulesFor(p *partition) rawbatch.Rules {
	r := t.lane.rules.topics[p.remote]
	out := rawbatch.Rules{MaxBytes: r.most, Codec: rawbatch.AnyCodec, LogAppendTime: r.appendTime}
	if codec, one := codecs[r.compression]; one {
		out.Codec = codec
	}
	if p.way.most > 0 && (out.MaxBytes == 0 || p.way.most < out.MaxBytes) {
		out.MaxBytes = p.way.most
	}
	return out
}
