package mirror

import (
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

func TestBatchesTellAgeAndLatency(t *testing.T) {
	r := newLaneRig(t)
	at := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	old := func(offset int64, d time.Duration) client.ConsumedRecord {
		rec := recAt(offset)
		rec.Timestamp = at.Add(d)
		return rec
	}
	got := r.poll(0, nil, batchOf(old(0, 0), old(1, time.Minute)), batchOf(old(2, 0)))
	r.tells(connect.ProgressCopying, 2, 0, "")
	p := r.tk.Progress()[0]
	if p.Records != 3 || p.Bytes != int64(got[0].Size+got[1].Size) || p.SourceCluster == "" || p.TargetCluster == "" || p.LatencyMs != nil {
		t.Errorf("read: %+v", p)
	}
	if p.AgeMs == nil || p.AgeMs.Last < 59*60_000 {
		t.Errorf("age %+v", p.AgeMs)
	}
	r.tk.BatchWritten(&got[0], 0)
	r.tells(connect.ProgressCopying, 2, 0, "")
	// Its newest record counts: it is a minute younger.
	if l := r.tk.Progress()[0].LatencyMs; l == nil || l.Max < 59*60_000 || l.Max >= float64(time.Since(at).Milliseconds()) {
		t.Errorf("latency %+v", l)
	}
}

func TestSingleRecordsTellTheirLatency(t *testing.T) {
	s, now := connect.Entries{{Key: topicKey, Value: "t"}, {Key: partitionKey, Value: int64(1)}}, time.Now()
	p := &partition{source: s}
	parts := map[connect.TopicPartition]*partition{{Topic: "t", Partition: 1}: p}
	rec := func(source connect.Entries, age time.Duration) *connect.SourceRecord {
		return &connect.SourceRecord{SourcePartition: source, SourceOffset: connect.Entries{{Key: offsetKey, Value: int64(1)}}, Timestamp: now.Add(-age)}
	}
	var d delays
	other := connect.Entries{{Key: topicKey, Value: "gone"}, {Key: partitionKey, Value: int64(1)}}
	for _, r := range []*connect.SourceRecord{
		{SourcePartition: s}, rec(nil, time.Hour), rec(other, time.Hour), rec(s, 2*time.Minute), rec(s, 2*time.Minute), rec(s, -time.Hour),
	} {
		d.written(parts, r)
	}
	_, l := p.delay.spreads(time.Now())
	if l == nil || l.Max < 120_000 || l.Max > 3_000_000 || l.Min != 0 || l.Avg != l.Max/2 { // one is measured of two alike
		t.Errorf("latency %+v", l)
	}
}
