package raw

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
)

func TestSessionForgetsOnlyWhoDoesNotStay(t *testing.T) {
	var f fetchSession
	f.reset(false)
	old, other := [16]byte{1}, [16]byte{2}
	for p := range int32(3) {
		f.members[connect.TopicPartition{Topic: "a", Partition: p}] = old
	}
	f.members[connect.TopicPartition{Topic: "b"}] = other
	for tp := range f.members {
		f.drop(tp)
	}
	f.drop(connect.TopicPartition{Topic: "stranger"})
	stays := connect.TopicPartition{Topic: "a", Partition: 1}
	got := f.forgotten(func(tp connect.TopicPartition) bool { return tp == stays })
	slices.SortFunc(got, func(a, b kmsg.FetchRequestForgottenTopic) int { return int(a.TopicID[0]) - int(b.TopicID[0]) })
	if len(got) != 2 || got[0].TopicID != old || got[1].TopicID != other {
		t.Fatalf("got %+v", got)
	}
	slices.Sort(got[0].Partitions)
	if !slices.Equal(got[0].Partitions, []int32{0, 2}) || !slices.Equal(got[1].Partitions, []int32{0}) {
		t.Errorf("got %+v", got)
	}
	if _, member := f.members[stays]; !member || len(f.members) != 1 || len(f.leaving) != 0 {
		t.Errorf("members %v, leaving %v", f.members, f.leaving)
	}
}

func TestSessionCounts(t *testing.T) {
	var f fetchSession
	f.reset(false)
	if !f.answered(7) || f.id != 7 || f.epoch != 1 {
		t.Errorf("a session that begins: %+v", f)
	}
	if f.answered(7) || f.epoch != 2 {
		t.Errorf("one that goes on: %+v", f)
	}
	f.epoch = math.MaxInt32
	if f.answered(7) || f.epoch != 1 {
		t.Errorf("the last number is not followed by the first: %+v", f)
	}
	f.reset(true)
	if f.id != 7 || f.epoch != 0 {
		t.Errorf("one that is to be replaced: %+v", f)
	}
	if f.answered(0) || f.id != 0 || f.epoch != 0 {
		t.Errorf("one that the broker has ended: %+v", f)
	}
}

// TestReaderPutsFirstWhoGetsNoWholeBatch has a broker cut off the batches of a partition as long as it is not the first.
func TestReaderPutsFirstWhoGetsNoWholeBatch(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"a": 2}})
	produce(t, e.Addrs(), "a", 0, values(1)...)
	produce(t, e.Addrs(), "a", 1, values(1)...)
	onFetch(e, func(req *kmsg.FetchRequest, _ int64) (*kmsg.FetchResponse, error) {
		for i := range req.Topics {
			if p := req.Topics[i].Partitions; i == 0 && p[0].Partition == 1 && req.SessionEpoch == 0 {
				return nil, nil // it is the first of all
			}
			for _, p := range req.Topics[i].Partitions {
				if p.Partition == 1 {
					resp := answerTo(req, func(rp *kmsg.FetchResponseTopicPartition) {
						rp.Partition, rp.HighWatermark, rp.RecordBatches = 1, 1, rawBatch(0, 0, 0, 2, 100)[:90]
					})
					resp.SessionID = 1 // the cluster knows of none
					return resp, nil
				}
			}
		}
		if req.SessionID == 1 {
			resp := req.ResponseKind().(*kmsg.FetchResponse)
			resp.SessionID = 1
			return resp, nil
		}
		return nil, nil
	})
	r := reader(t, e.Bootstrap(), ReaderOptions{}, map[string]string{"fetch.max.wait.ms": "20", "retry.backoff.ms": "1"})
	a0, a1 := connect.TopicPartition{Topic: "a"}, connect.TopicPartition{Topic: "a", Partition: 1}
	if err := r.Assign(map[connect.TopicPartition]int64{a0: 0, a1: 0}); err != nil {
		t.Fatal(err)
	}
	got := collect(t, r, 2)
	if !slices.Equal(got[a0], []int64{0}) || !slices.Equal(got[a1], []int64{0}) {
		t.Errorf("got %v", got)
	}
}

func TestBudgetGivesWhatThereIs(t *testing.T) {
	b := newBudget(100)
	one, _ := b.reserve(20, 60)
	two, _ := b.reserve(20, 60)
	none, change := b.reserve(20, 60)
	if one != 60 || two != 40 || none != 0 {
		t.Fatalf("got %d, %d and %d", one, two, none)
	}
	b.settle(two, 30)
	<-change
	if little, change := b.reserve(20, 60); little != 0 {
		t.Errorf("%d bytes where 10 are left", little)
	} else {
		h := b.hold(nil, one)
		h.Retain(1)
		h.Release()
		select {
		case <-change:
			t.Error("somebody still needs it")
		case <-time.After(0):
		}
		h.Release()
		<-change
	}
	b.settle(30, 0)
	if used, _ := b.state(); used != 0 {
		t.Errorf("%d bytes are left over", used)
	}
	if huge, _ := b.reserve(500, 600); huge != 500 {
		t.Errorf("with nothing in use %d bytes are to be had for the largest batch", huge)
	}
}
