package mirror

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

func rec(key, value string) client.ConsumedRecord {
	return client.ConsumedRecord{Key: []byte(key), Value: []byte(value), Timestamp: time.UnixMilli(5), TimestampType: connect.CreateTime}
}

// startTask starts a task for partitions of a list.
func startTask(t testing.TB, f *fakeClients, store *connecttest.Offsets, list string, more ...string) (*task, error) {
	t.Helper()
	tk := &task{clients: f}
	err := tk.Start(t.Context(), connecttest.NewSourceTaskContext(t, store), props(append(more, propPartitions, list)...))
	t.Cleanup(func() {
		if err := tk.Stop(); err != nil {
			t.Error(err)
		}
	})
	return tk, err
}

// poll polls until something comes.
func poll(t testing.TB, tk *task) ([]connect.SourceRecord, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), connecttest.Timeout)
	defer cancel()
	for {
		recs, err := tk.Poll(ctx)
		if err != nil || len(recs) > 0 {
			return recs, err
		}
	}
}

func values(recs []connect.SourceRecord) string {
	var vs []string
	for _, r := range recs {
		v, _ := r.Value.([]byte)
		vs = append(vs, string(v))
	}
	return strings.Join(vs, " ")
}

func TestRecordsAreCopiedAsTheyAre(t *testing.T) {
	f := newFakes(t)
	null := rec("", "")
	null.Key, null.Value = nil, nil
	headers := rec("k", "v")
	headers.Headers = []client.Header{{Key: "h", Value: []byte{0, 255}}, {Key: "h"}, {Key: "", Value: []byte{}}}
	more := rec("k2", "v2")
	more.Headers = []client.Header{{Key: "x", Value: []byte("y")}}
	untimed := rec("k", "v")
	untimed.Timestamp = time.Time{}
	f.source.add("a-b", 3, rec("k", "v"), rec("", ""), null, headers, more, untimed)
	tk, err := startTask(t, f, &connecttest.Offsets{}, "a-b-3")
	if err != nil {
		t.Fatal(err)
	}
	got, err := poll(t, tk)
	if err != nil {
		t.Fatal(err)
	}
	want := func(offset int64, key, value any) connect.SourceRecord {
		return connect.SourceRecord{
			SourcePartition: connect.Entries{{Key: "cluster", Value: "S"}, {Key: "partition", Value: int64(3)}, {Key: "topic", Value: "a-b"}},
			SourceOffset:    connect.Entries{{Key: "offset", Value: offset}},
			Topic:           "S.a-b", Partition: 3, Timestamp: time.UnixMilli(5),
			KeySchema: connect.OptionalBytesSchema, Key: key, ValueSchema: connect.OptionalBytesSchema, Value: value,
		}
	}
	recs := []connect.SourceRecord{
		want(0, []byte("k"), []byte("v")), want(1, []byte{}, []byte{}), want(2, nil, nil),
		want(3, []byte("k"), []byte("v")), want(4, []byte("k2"), []byte("v2")), want(5, []byte("k"), []byte("v")),
	}
	b := connect.OptionalBytesSchema
	recs[3].Headers = []connect.Header{{Key: "h", Schema: b, Value: []byte{0, 255}}, {Key: "h", Schema: b}, {Key: "", Schema: b, Value: []byte{}}}
	recs[4].Headers = []connect.Header{{Key: "x", Schema: b, Value: []byte("y")}}
	recs[5].Timestamp = time.Time{}
	if d := cmp.Diff(recs, got, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	if got[1].Key == nil || got[2].Key != nil || got[3].Headers[1].Value != nil || got[3].Headers[2].Value == nil {
		t.Error("null and empty are mixed up")
	}
	if &got[0].SourcePartition[0] != &got[5].SourcePartition[0] {
		t.Error("records of a partition do not share their source partition")
	}
}

func TestWhereATaskStarts(t *testing.T) {
	at := func(offset int64) *connecttest.Offsets {
		o := &connecttest.Offsets{}
		p := connect.Entries{{Key: "cluster", Value: "S"}, {Key: "partition", Value: int64(0)}, {Key: "topic", Value: "a"}}
		o.Set(p, connect.Entries{{Key: "offset", Value: offset}})
		return o
	}
	const reset = "source.consumer.auto.offset.reset"
	for name, c := range map[string]struct {
		stored *connecttest.Offsets
		reset  string
		first  int64 // of the partition, which holds "r<offset>" up to 9
		want   string
		err    string
	}{
		"nothing stored":                   {stored: &connecttest.Offsets{}, first: 8, want: "r8 r9"},
		"nothing stored, latest":           {stored: &connecttest.Offsets{}, first: 8, reset: "latest", want: "new"},
		"nothing stored, none":             {stored: &connecttest.Offsets{}, reset: "none", err: "no stored offset"},
		"goes on":                          {stored: at(7), want: "r8 r9"},
		"goes on whatever reset says":      {stored: at(7), reset: "latest", want: "r8 r9"},
		"everything is copied":             {stored: at(9), want: "new"},
		"everything is copied and deleted": {stored: at(9), first: 10, want: "new"},
		"expired":                          {stored: at(2), first: 8, want: "r8 r9"},
		"expired, earliest":                {stored: at(2), first: 8, reset: "Earliest", want: "r8 r9"},
		"expired, latest":                  {stored: at(2), first: 8, reset: "latest", want: "new"},
		"expired, none":                    {stored: at(2), first: 8, reset: "none", err: "position 3, partition from 8 to 10"},
		"past the end":                     {stored: at(20), first: 8, err: "position 21, partition from 8 to 10"},
		"past the end, earliest":           {stored: at(20), first: 8, reset: "earliest", want: "r8 r9"},
		"past the end, latest":             {stored: at(20), reset: "latest", want: "new"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakes(t)
				f.source.log(connect.TopicPartition{Topic: "a"}).first = c.first
				for i := c.first; i < 10; i++ {
					f.source.add("a", 0, rec("", fmt.Sprint("r", i)))
				}
				more := []string{propPartitionErrors, failTask}
				if c.reset != "" {
					more = append(more, reset, c.reset)
				}
				tk, err := startTask(t, f, c.stored, "a-0", more...)
				var got []connect.SourceRecord
				if err == nil {
					if c.want == "new" {
						for range 3 { // time stands still while it finds its position
							if recs, err := tk.Poll(expired(t)); len(recs) > 0 || err != nil && !errors.Is(err, context.DeadlineExceeded) {
								t.Fatal(values(recs), err)
							}
						}
						f.source.add("a", 0, rec("", "new"))
					}
					got, err = poll(t, tk)
				}
				if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				if values(got) != c.want {
					t.Errorf("copied %q, want %q", values(got), c.want)
				}
			})
		})
	}
}

// expired ends when nothing else goes on.
func expired(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestErrorsOfTheReader(t *testing.T) {
	tp := connect.TopicPartition{Topic: "a"}
	for name, c := range map[string]struct {
		err              error
		fails, retriable bool
	}{
		"of the client":      {errors.New("all brokers down"), true, true},
		"unknown topic":      {&client.PartitionError{TopicPartition: tp, Err: client.ErrUnknownTopic}, false, false},
		"no permission":      {&client.PartitionError{TopicPartition: tp, Err: client.ErrUnauthorized}, false, false},
		"unreadable records": {&client.PartitionError{TopicPartition: tp, Err: errors.New("bad CRC")}, true, false},
		"two":                {errors.Join(errors.New("down"), &client.PartitionError{TopicPartition: tp, Err: errors.New("bad CRC")}), true, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakes(t)
			tk, err := startTask(t, f, nil, "a-0", propPartitionErrors, failTask)
			if err != nil {
				t.Fatal(err)
			}
			tk.reader.(*fakeReader).errs = []error{c.err}
			_, err = tk.Poll(t.Context())
			if (err != nil) != c.fails || connect.IsRetriable(err) != c.retriable {
				t.Errorf("%s: %v", name, err)
			}
			f.source.add("a", 0, rec("", "x"))
			if recs, err := poll(t, tk); values(recs) != "x" || err != nil {
				t.Errorf("%s: afterwards %v, %v", name, recs, err)
			}
		})
	}
}

// TestGonePartitions waits for the source when it can't be asked, and does not wait for a topic that is gone.
func TestGonePartitions(t *testing.T) {
	f := newFakes(t)
	tk, err := startTask(t, f, nil, "a-0,b-0")
	if err != nil {
		t.Fatal(err)
	}
	a, b := connect.TopicPartition{Topic: "a"}, connect.TopicPartition{Topic: "b"}
	f.source.edit(func() { delete(f.source.logs, b); f.source.fail = errors.New("down") })
	tk.gone[a], tk.gone[b] = client.ErrOffsetOutOfRange, client.ErrOffsetOutOfRange
	if _, err := tk.Poll(t.Context()); !connect.IsRetriable(err) {
		t.Error(err)
	}
	f.source.edit(func() { f.source.fail = nil })
	f.source.add("a", 0, rec("", "x"))
	if recs, err := poll(t, tk); values(recs) != "x" || err != nil {
		t.Error(recs, err)
	}
}

// TestDeafReader finds out about partitions from which nothing comes.
func TestDeafReader(t *testing.T) {
	minutes := func(t *testing.T) context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		t.Cleanup(cancel)
		return ctx
	}
	for name, c := range map[string]struct {
		happens func(*cluster)
		want    string
		err     string
	}{
		"more records":           {func(c *cluster) { c.add("a", 0, rec("", "new")) }, "new", ""},
		"made anew":              {func(c *cluster) { delete(c.logs, connect.TopicPartition{Topic: "a"}); c.add("a", 0, rec("", "new")) }, "", "position 2, partition from 0 to 1"},
		"end markers, no record": {func(c *cluster) { c.log(connect.TopicPartition{Topic: "a"}).markers = 1 }, "", "deadline"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakes(t)
				f.source.add("a", 0, rec("", "x"), rec("", "y"))
				tk, err := startTask(t, f, nil, "a-0,b-0", propPartitionErrors, failTask)
				if err != nil {
					t.Fatal(err)
				}
				if recs, err := poll(t, tk); values(recs) != "x y" || err != nil {
					t.Fatal(recs, err)
				}
				tk.reader.(*fakeReader).deaf = true
				c.happens(f.source)
				var recs []connect.SourceRecord
				ctx := minutes(t)
				for err == nil && len(recs) == 0 {
					recs, err = tk.Poll(ctx)
				}
				if values(recs) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Error(values(recs), err)
				}
				if f.opened > 5 { // two readers, one for what is kept of topics, and who makes topics for offset syncs and writes them
					t.Errorf("%d clients were opened", f.opened)
				}
			})
		})
	}
}

func TestStopEndsPoll(t *testing.T) {
	testkit.NoLeaks(t)
	f := newFakes(t)
	tk, err := startTask(t, f, nil, "a-0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := tk.Poll(context.Background()); err != nil {
				return
			}
		}
	}()
	if err := tk.Stop(); err != nil {
		t.Error(err)
	}
	<-done
}

func TestReaderProps(t *testing.T) {
	f := newFakes(t)
	if _, err := startTask(t, f, nil, "a-0"); err != nil {
		t.Fatal(err)
	}
	if f.readerProps[autoCreate] != "false" {
		t.Error("a deleted topic would come back")
	}
	if _, err := startTask(t, f, nil, "a-0", "consumer."+autoCreate, "true"); err != nil || f.readerProps[autoCreate] != "true" {
		t.Error(f.readerProps, err)
	}
	for _, bad := range []string{"", "a", "a-", "-1", "a-x", "a-0,,b-0"} {
		if _, err := startTask(t, f, nil, bad); err == nil {
			t.Errorf("%s=%q is allowed", propPartitions, bad)
		}
	}
}

func TestContract(t *testing.T) {
	testkit.NoLeaks(t)
	f := newFakes(t)
	f.source.topic("a", 2, 1)
	f.source.topic("b", 1, 1)
	n := 0
	connecttest.Source(t, connecttest.SourceCase{
		Plugin: SourcePlugin(f), Props: props(), Records: 6,
		Produce: func(testing.TB) {
			for range 2 {
				n++
				v := rec("k", fmt.Sprint(n))
				f.source.add("a", 0, v)
				f.source.add("a", 1, v)
				f.source.add("b", 0, v)
			}
		},
	})
}

func BenchmarkConvert(b *testing.B) {
	f := newFakes(b)
	tk, err := startTask(b, f, nil, "a-0,a-1")
	if err != nil {
		b.Fatal(err)
	}
	recs := make([]client.ConsumedRecord, 500)
	for i := range recs {
		recs[i] = rec("key", "value")
		recs[i].Topic, recs[i].Partition, recs[i].Offset = "a", int32(i/250), int64(i)+1<<40
	}
	b.ReportAllocs()
	for b.Loop() {
		tk.convert(recs)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(recs)), "ns/record")
}
