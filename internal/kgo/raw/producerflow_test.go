package raw

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/client"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
)

func TestOrderOutlivesMovesOfLeadersAndLostConnections(t *testing.T) {
	testkit.NoLeaks(t)
	const partitions, each = 4, 150
	e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 3, Topics: map[string]int32{"t": partitions}})
	var cuts atomic.Int32
	e.Cluster().ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		e.Cluster().KeepControl()
		if rand.IntN(15) == 0 && cuts.Add(1) < 30 {
			return nil, errors.New("cut"), true
		}
		return nil, nil, false
	})
	p, o := producer(t, e.Bootstrap(), quick())
	for i := range each {
		for part := range int32(partitions) {
			send(t, p, o.batch("t", part, numbered(i, 1)...))
		}
		if i%20 == 0 {
			part := rand.Int32N(partitions)
			_ = e.Cluster().MoveTopicPartition("t", part, rand.Int32N(3))
		}
	}
	flush(t, p)
	o.whole(t, partitions*each)
	for part := range int32(partitions) {
		ascending(t, read(t, e.Bootstrap(), "t", part, each), each)
	}
	t.Logf("%d connections were cut", cuts.Load())
}

// gate holds Produce requests back until it is opened.
type gate struct {
	mu       sync.Mutex
	requests []*kmsg.ProduceRequest
	open     chan struct{}
	once     sync.Once
}

func shut(e *kgoclient.Embedded) *gate {
	g := &gate{open: make(chan struct{})}
	e.Cluster().ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		e.Cluster().KeepControl()
		g.mu.Lock()
		g.requests = append(g.requests, r.(*kmsg.ProduceRequest))
		g.mu.Unlock()
		e.Cluster().SleepControl(func() { <-g.open })
		return nil, nil, false
	})
	return g
}

func (g *gate) seen() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.requests)
}

func (g *gate) release() { g.once.Do(func() { close(g.open) }) }

// TestASlowBrokerSlowsTheSender checks that the memory of what has no outcome is bounded, and that waiting ends with its context.
func TestASlowBrokerSlowsTheSender(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"t": 2}})
	g := shut(e)
	p, o := producer(t, e.Bootstrap(), quick("buffer.memory", "10000"))
	defer g.release()
	large := string(make([]byte, 1000))
	sent := 0
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		b := o.batch("t", int32(sent%2), large)
		n, err := p.Send(ctx, []client.RawBatch{b})
		cancel()
		if err != nil {
			if n != 0 || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%d were taken, %v", n, err)
			}
			b.Hold.Release()
			break
		}
		if sent++; sent > 20 {
			t.Fatal("more than buffer.memory was taken")
		}
	}
	if s := p.Stats(); s.Bytes > 10000 || s.Bytes < 8000 {
		t.Errorf("%d bytes are held, buffer.memory is 10000", s.Bytes)
	}
	if b := p.Backlog("t", 0); b.Batches+b.InFlight != 5 && b.Batches+b.InFlight != 4 || b.Most != 5 {
		t.Errorf("backlog %+v after %d batches", b, sent)
	}
	g.release()
	flush(t, p)
	o.whole(t, sent)
	send(t, p, o.batch("t", 0, string(make([]byte, 20000)))) // larger than all the room: alone
	flush(t, p)
	o.whole(t, sent+1)
}

// TestAHotPartitionDoesNotHoldUpOthers queues many batches of one partition and then one each of others.
func TestAHotPartitionDoesNotHoldUpOthers(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"t": 6}})
	p, o := producer(t, e.Bootstrap(), quick("max.in.flight.requests.per.connection", "1", "max.request.size", "3000"))
	for part := range int32(6) {
		send(t, p, o.batch("t", part, "0"))
	}
	flush(t, p)
	g := shut(e)
	defer g.release()
	large := string(make([]byte, 1000))
	for range 30 {
		send(t, p, o.batch("t", 0, large))
	}
	eventually(t, "no request", func() bool { return g.seen() == 1 })
	for part := int32(1); part < 6; part++ {
		send(t, p, o.batch("t", part, large))
	}
	g.release()
	flush(t, p)
	o.whole(t, 41)
	// Two batches fit into a request: the others were all there by the fourth after the first.
	g.mu.Lock()
	defer g.mu.Unlock()
	found := map[int32]bool{}
	for _, r := range g.requests[:5] {
		for _, topic := range r.Topics {
			for _, part := range topic.Partitions {
				found[part.Partition] = true
			}
		}
	}
	if len(found) != 6 {
		t.Errorf("the first requests hold the partitions %v", found)
	}
}

func TestAbandonedBatchesFailAtOnceAndLateWritesDoNotOvertake(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"t": 1}})
	p, o := producer(t, e.Bootstrap(), quick())
	send(t, p, o.batch("t", 0, "0"))
	flush(t, p)
	g := shut(e)
	defer g.release()
	send(t, p, o.batch("t", 0, "1"))
	eventually(t, "no request", func() bool { return g.seen() == 1 })
	send(t, p, o.batch("t", 0, "never"))
	eventually(t, "no second request", func() bool { return p.Backlog("t", 0).InFlight == 2 })
	send(t, p, o.batch("t", 0, "never"))
	p.Abandon()
	flush(t, p)
	if errs := o.failures(); len(errs) != 3 {
		t.Errorf("failures %v", errs)
	}
	p.GoOn("t", 0)
	send(t, p, o.batch("t", 0, "last"))
	g.release()
	flush(t, p)
	got := read(t, e.Bootstrap(), "t", 0, 3)
	if last := got[len(got)-1]; last != "last" && len(got) < 4 {
		got = read(t, e.Bootstrap(), "t", 0, 4)
	}
	if got[0] != "0" || got[len(got)-1] != "last" {
		t.Errorf("records %q", got)
	}
}

func TestCloseLetsGoOfEverything(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"t": 3}})
	var asked atomic.Int32
	e.Cluster().ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		e.Cluster().KeepControl()
		asked.Add(1)
		return nil, nil, true // without an answer
	})
	p, o := producer(t, e.Bootstrap(), quick())
	for i := range 30 {
		send(t, p, o.batch("t", int32(i%3), "v"), o.batch("unknown", 0, "v"))
	}
	eventually(t, "no request", func() bool { return asked.Load() > 0 })
	p.Close()
	if n := len(o.deliveries()); n > 0 {
		t.Errorf("%d deliveries", n)
	}
	b := o.batch("t", 0, "v")
	if _, err := p.Send(t.Context(), []client.RawBatch{b}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	b.Hold.Release()
	if p.Stats().Bytes != 0 {
		t.Errorf("%+v", p.Stats())
	}
}

func TestWithoutIdempotenceOrderIsKeptAsWell(t *testing.T) {
	testkit.NoLeaks(t)
	for _, acks := range []string{"0", "1"} {
		topic := "t" + acks
		e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{topic: 2}})
		p, o := producer(t, e.Bootstrap(), quick("acks", acks))
		for i := range 50 {
			send(t, p, o.batch(topic, 0, numbered(i, 1)...))
		}
		flush(t, p)
		o.whole(t, 50)
		ascending(t, read(t, e.Bootstrap(), topic, 0, 50), 50)
	}
}

func TestABatchThatIsNoneIsNotTaken(t *testing.T) {
	p, o := producer(t, "127.0.0.1:1", nil)
	good, bad := o.batch("t", 0, "v"), o.batch("t", 0, "v")
	bad.Bytes = bad.Bytes[:20]
	n, err := p.Send(t.Context(), []client.RawBatch{good, bad})
	var refused *client.RecordError
	if n != 1 || !errors.As(err, &refused) || refused.Seq != bad.Seq {
		t.Errorf("%d, %v", n, err)
	}
	bad.Hold.Release()
}
