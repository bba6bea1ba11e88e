package mirror

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// timedClients find offsets by time, which the fakes alone do not.
type timedClients struct{ *fakeClients }

func (c timedClients) Reader(props map[string]string) (Reader, error) {
	opening.Lock()
	defer opening.Unlock()
	r, err := c.fakeClients.Reader(props)
	if err != nil {
		return nil, err
	}
	return timedReader{r.(*fakeReader)}, nil
}

// opening is held while a fake reader is opened, which several partitions under way do at once.
var opening sync.Mutex

type timedReader struct{ *fakeReader }

func (r timedReader) ListOffsets(ctx context.Context, specs map[connect.TopicPartition]int64, committed bool) (map[connect.TopicPartition]int64, error) {
	out, err := r.fakeReader.ListOffsets(ctx, specs, committed)
	for tp, spec := range specs {
		if spec < 0 || err != nil {
			continue
		}
		out[tp] = -1
		r.edit(func() {
			l := r.log(tp)
			for i, rec := range l.recs {
				if !rec.Timestamp.Before(time.UnixMilli(spec)) {
					out[tp] = l.first + int64(i)
					return
				}
			}
		})
	}
	return out, err
}

// Passed is the end of the partition once all of it was read.
func (r timedReader) Passed(tp connect.TopicPartition) int64 {
	out := int64(-1)
	r.edit(func() {
		if l := r.log(tp); r.at[tp] >= l.first+int64(len(l.recs)) {
			out = r.at[tp] + l.markers
		}
	})
	return out
}

// numbered makes records, one a second.
func numbered(from, to int) (out []client.ConsumedRecord) {
	for i := from; i < to; i++ {
		out = append(out, client.ConsumedRecord{
			Key: fmt.Append(nil, "k", i%3), Value: fmt.Append(nil, "v", i), Timestamp: time.UnixMilli(int64(i) * 1000),
			Headers: []client.Header{{Key: "h", Value: nil}, {Key: "h", Value: []byte{}}},
		})
	}
	return out
}

func TestVerify(t *testing.T) {
	tp := connect.TopicPartition{Topic: "t"}
	for _, tc := range []struct {
		name string
		edit func(src, dst *cluster)
		o    VerifyOptions
		want Counts
	}{
		{"equal", func(*cluster, *cluster) {}, VerifyOptions{}, Counts{Source: 100, Target: 100, Matched: 100}},
		{
			"a null is not empty", func(_, dst *cluster) { dst.logs[remoteOf(tp)].recs[50].Headers[1].Value = nil },
			VerifyOptions{},
			Counts{Source: 100, Target: 100, Matched: 99, Changed: 1},
		},
		{"the last", func(*cluster, *cluster) {}, VerifyOptions{Last: 10}, Counts{Source: 10, Target: 10, Matched: 10}},
		{
			"an older difference is not asked for", func(_, dst *cluster) { dst.logs[remoteOf(tp)].recs[5].Value = nil },
			VerifyOptions{From: Bound{Given: true, Time: true, At: 60_000}, To: Bound{Given: true, At: 80}},
			Counts{Source: 20, Target: 20, Matched: 20},
		},
		{"a sample", func(*cluster, *cluster) {}, VerifyOptions{Sample: 20}, Counts{Source: 20, Target: 20, Matched: 20}},
		{
			"retention on the source", func(src, _ *cluster) { l := src.logs[tp]; l.first, l.recs = 40, l.recs[40:] },
			VerifyOptions{},
			Counts{Source: 60, Target: 60, Matched: 60},
		},
		{
			"retention on the target", func(_, dst *cluster) { l := dst.logs[remoteOf(tp)]; l.first, l.recs = 40, l.recs[40:] },
			VerifyOptions{},
			Counts{Source: 60, Target: 60, Matched: 60, ExpiredTarget: 40},
		},
		{
			"times of the target's brokers", func(_, dst *cluster) {
				for i := range dst.logs[remoteOf(tp)].recs {
					r := &dst.logs[remoteOf(tp)].recs[i]
					r.Timestamp, r.TimestampType = r.Timestamp.Add(time.Hour), connect.LogAppendTime
				}
			}, VerifyOptions{}, Counts{Source: 100, Target: 100, Matched: 100},
		},
		{
			"markers of transactions", func(src, dst *cluster) { src.logs[tp].markers, dst.logs[remoteOf(tp)].markers = 2, 3 },
			VerifyOptions{},
			Counts{Source: 100, Target: 100, Matched: 100},
		},
		{
			"still to be copied", func(_, dst *cluster) { l := dst.logs[remoteOf(tp)]; l.recs = l.recs[:90] },
			VerifyOptions{},
			Counts{Source: 100, Target: 90, Matched: 90, Pending: 10},
		},
		{
			"said to be copied", func(_, dst *cluster) { l := dst.logs[remoteOf(tp)]; l.recs = l.recs[:90] },
			VerifyOptions{Copied: map[connect.TopicPartition]int64{tp: 95}},
			Counts{Source: 100, Target: 90, Matched: 90, Missing: 5, Pending: 5},
		},
		{"no copy", func(_, dst *cluster) { delete(dst.topics, "S.t") }, VerifyOptions{}, Counts{Missing: 100}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFakes(t)
			f.source.topic("t", 1, 1)
			f.target.topic("S.t", 1, 1)
			f.source.add("t", 0, numbered(0, 100)...)
			f.target.add("S.t", 0, numbered(0, 100)...)
			tc.edit(f.source, f.target)
			tc.o.Differences = 5
			var p VerifyProgress
			r, err := Verify(t.Context(), timedClients{f}, props(), tc.o, &p)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Err(); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, r.Total); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if p.Done.Load() != 1 || p.Partitions.Load() != 1 || p.Read.Load() < r.Total.Source {
				t.Errorf("progress: %d of %d, %d records", p.Done.Load(), p.Partitions.Load(), p.Read.Load())
			}
		})
	}
}

func remoteOf(tp connect.TopicPartition) connect.TopicPartition {
	return connect.TopicPartition{Topic: "S." + tp.Topic, Partition: tp.Partition}
}

// What keeps one partition from being compared is told, and is no word on whether it is the same.
func TestVerifyTellsTrouble(t *testing.T) {
	f := newFakes(t)
	f.source.topic("t", 2, 1)
	f.target.topic("S.t", 2, 1)
	f.source.add("t", 0, numbered(0, 3)...)
	f.target.add("S.t", 0, numbered(0, 3)...)
	r, err := Verify(t.Context(), timedClients{f}, props(), VerifyOptions{}, &VerifyProgress{}) // partition 1 has no log
	if err != nil || r.Total.Matched != 3 || r.Err() == nil || !strings.Contains(r.Err().Error(), "t-1: ") {
		t.Errorf("%v %+v", err, r)
	}
	if _, err := Verify(t.Context(), timedClients{f}, props(propTopics, "none"), VerifyOptions{}, &VerifyProgress{}); err == nil {
		t.Error("nothing to compare is no error")
	}
	f.source.fail = errors.New("down")
	if _, err := Verify(t.Context(), timedClients{f}, props(), VerifyOptions{}, &VerifyProgress{}); err == nil || !strings.Contains(err.Error(), "source cluster S: down") {
		t.Error(err)
	}
}
