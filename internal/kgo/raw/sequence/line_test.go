package sequence

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/connectd/connectd/internal/client"
)

var (
	errOne = errors.New("one")
	lost   = Answer{Kind: Unsure, Err: errOne}
)

// bench is a line with a window of three, and what came out of it.
type bench struct {
	*Line[int]
	t     *testing.T
	sent  []*Batch[int]
	count int
	out   Out[int]
}

func newBench(t *testing.T, cfg Config) *bench {
	cfg.Window = 3
	if cfg.Retries == 0 {
		cfg.Retries = 100
	}
	return &bench{Line: New[int](cfg), t: t}
}

var idempotent = Config{Idempotent: true}

// known gives a line with an id that a broker knows.
func known(t *testing.T, cfg Config) *bench {
	b := newBench(t, cfg)
	b.Restart(ID{7, 0})
	b.add(1)
	b.send("0/0")
	b.answer(0, Answer{})
	b.told("0@0")
	return b
}

// add queues batches of ten records.
func (b *bench) add(n int) {
	for range n {
		b.Add(&Batch[int]{Of: b.count, Records: 10, Deadline: time.Unix(int64(b.count), 0)}, &b.out)
		b.count++
	}
}

// send sends what may be sent over connection 1: want names each by batch and number.
func (b *bench) send(want ...string) {
	b.t.Helper()
	var got []string
	for x := b.Next(1); x != nil; x = b.Next(1) {
		b.Sent(x, 1)
		b.sent = append(b.sent, x)
		got = append(got, fmt.Sprintf("%d/%d", x.Of, x.Seq))
	}
	if !slices.Equal(got, want) {
		b.t.Fatalf("sent %v, want %v", got, want)
	}
}

// answer answers the newest copy of a batch.
func (b *bench) answer(batch int, a Answer) {
	b.t.Helper()
	for i := len(b.sent) - 1; i >= 0; i-- {
		if x := b.sent[i]; x.Of == batch {
			b.sent = slices.Delete(b.sent, i, i+1)
			b.Answer(x, a, &b.out)
			return
		}
	}
	b.t.Fatalf("batch %d is not in flight", batch)
}

// told checks the outcomes since the last look, as batch@offset or batch!error, and that memory is let go of accordingly.
func (b *bench) told(want ...string) {
	b.t.Helper()
	var got []string
	for _, d := range b.out.Done {
		switch {
		case d.Err == nil:
			got = append(got, fmt.Sprintf("%d@%d", d.Batch.Of, d.Offset))
		case errors.Is(d.Err, client.ErrPassedOver):
			got = append(got, fmt.Sprintf("%d!over", d.Batch.Of))
		default:
			got = append(got, fmt.Sprintf("%d!%v", d.Batch.Of, d.Err))
		}
	}
	b.out.Reset()
	if !slices.Equal(got, want) {
		b.t.Fatalf("outcomes %v, want %v", got, want)
	}
}

func TestTheFirstBatchGoesAlone(t *testing.T) {
	b := newBench(t, idempotent)
	b.add(5)
	b.send()
	if b.Need() != NeedID {
		t.Fatal("no id is asked for")
	}
	b.Restart(ID{7, 0})
	b.send("0/0")
	b.answer(0, Answer{Offset: 5})
	b.told("0@5")
	b.send("1/10", "2/20", "3/30")
	b.answer(1, Answer{Offset: 15})
	b.send("4/40")
}

func TestWhatFailsIsSentAgainInOrderOnceNothingIsInFlight(t *testing.T) {
	b := known(t, idempotent)
	b.add(4)
	b.send("1/10", "2/20", "3/30")
	b.answer(1, lost)
	b.send()
	b.answer(2, Answer{Kind: OutOfOrder, Err: errOne})
	b.answer(3, Answer{Kind: OutOfOrder, Err: errOne})
	if b.Failures() != 1 {
		t.Errorf("%d failures", b.Failures())
	}
	b.send("1/10")
	b.answer(1, Answer{Offset: 9})
	b.told("1@9")
	b.send("2/20", "3/30", "4/40")
}

func TestOutcomesComeInOrder(t *testing.T) {
	b := known(t, idempotent)
	b.add(3)
	b.send("1/10", "2/20", "3/30")
	b.answer(1, lost)
	b.answer(2, Answer{Offset: 20})
	b.told()
	b.answer(3, Answer{Offset: 30})
	b.send("1/10")
	b.answer(1, Answer{Offset: 10})
	b.told("1@10", "2@20", "3@30")
}

// TestTheWindowCountsFromTheFirstWithoutOutcome since the broker remembers no more numbers than that.
func TestTheWindowCountsFromTheFirstWithoutOutcome(t *testing.T) {
	b := known(t, idempotent)
	b.add(5)
	b.send("1/10", "2/20", "3/30")
	b.answer(1, lost)
	b.answer(2, Answer{Offset: 20})
	b.answer(3, Answer{Offset: 30})
	b.send("1/10")
	b.send()
}

func TestAnotherConnectionWaitsForTheFirst(t *testing.T) {
	b := known(t, idempotent)
	b.add(2)
	b.send("1/10", "2/20")
	b.add(1)
	if b.Next(2) != nil {
		t.Error("a batch goes over another connection while some are in flight")
	}
	b.answer(1, Answer{})
	b.answer(2, Answer{})
	if b.Next(2) == nil {
		t.Error("nothing goes over another connection")
	}
}

func TestABrokerThatLostTheProducerGetsANewEpoch(t *testing.T) {
	b := known(t, idempotent)
	b.add(3)
	b.send("1/10", "2/20", "3/30")
	for i := 1; i <= 3; i++ {
		b.answer(i, Answer{Kind: OutOfOrder, Err: errOne})
	}
	if b.ID() != (ID{7, 1}) {
		t.Errorf("id %v", b.ID())
	}
	b.send("1/0")
	b.answer(1, Answer{Offset: 1})
	b.send("2/10", "3/20")
}

func TestARefusedIDIsReplaced(t *testing.T) {
	b := known(t, idempotent)
	b.add(1)
	b.send("1/10")
	b.answer(1, Answer{Kind: BadID, Err: errOne})
	if b.Need() != NeedID || b.Next(1) != nil {
		t.Fatal("it goes on with the id")
	}
	b.Restart(ID{8, 0})
	b.send("1/0")
}

func TestTheLastEpochIsFollowedByAnotherID(t *testing.T) {
	b := newBench(t, idempotent)
	b.Restart(ID{7, math.MaxInt16})
	b.add(1)
	b.send("0/0")
	b.answer(0, Answer{Kind: OutOfOrder, Err: errOne})
	if b.Need() != NeedID {
		t.Error("there is no epoch after the last")
	}
}

func TestNumbersBeginAnewBehindTheLargest(t *testing.T) {
	for _, c := range []struct{ from, n, want int32 }{
		{0, 10, 10},
		{math.MaxInt32 - 10, 10, math.MaxInt32},
		{math.MaxInt32 - 9, 10, 0},
		{math.MaxInt32, 1, 0},
		{math.MaxInt32, math.MaxInt32, math.MaxInt32 - 1},
	} {
		if got := after(c.from, c.n); got != c.want {
			t.Errorf("%d records from %d on end before %d, want %d", c.n, c.from, got, c.want)
		}
	}
}

func TestARefusedBatchFailsAndTheNumbersGoOn(t *testing.T) {
	b := known(t, idempotent)
	b.add(2)
	b.send("1/10", "2/20")
	b.answer(1, Answer{Kind: Refused, Err: errOne})
	b.told("1!one", "2!over")
	b.add(1)
	b.told("3!over")
	b.answer(2, Answer{Kind: OutOfOrder, Err: errOne})
	b.Resume()
	b.add(2)
	// Batch 2 was in flight when it was given up: a new epoch makes sure that it does not count any more.
	if b.ID() != (ID{7, 1}) {
		t.Errorf("id %v", b.ID())
	}
	b.send("4/0")
	b.answer(4, Answer{})
	b.told("4@0")
	b.send("5/10")
	b.answer(5, Answer{Kind: Refused, Err: errOne})
	b.told("5!one")
	b.Resume()
	b.add(1)
	b.send("6/10") // nobody can have the number of 5
}

func TestARefusedBatchWaitsForThoseBeforeIt(t *testing.T) {
	b := known(t, idempotent)
	b.add(2)
	b.send("1/10", "2/20")
	b.answer(1, lost)
	b.answer(2, Answer{Kind: Refused, Err: errOne})
	b.told()
	b.send("1/10")
	b.send()
	b.answer(1, Answer{Offset: 10})
	b.told("1@10", "2!one")
}

func TestWhatIsLateIsGivenUpAndShutOut(t *testing.T) {
	why := func(x *Batch[int], last error) error { return fmt.Errorf("late: %w", last) }
	b := known(t, idempotent)
	b.add(2)
	b.send("1/10", "2/20")
	b.Expire(time.Unix(0, 5), why, &b.out)
	b.told()
	b.answer(1, lost)
	b.Expire(time.Unix(1, 0), why, &b.out)
	b.told("1!late: one", "2!over")
	if len(b.out.Free) > 0 || b.InFlight() != 1 {
		t.Error("batch 2 is let go of in flight")
	}
	b.Resume()
	b.add(1)
	b.send()
	b.answer(2, Answer{Offset: 9})
	if b.ID() != (ID{7, 1}) {
		t.Errorf("id %v", b.ID())
	}
	b.send("3/0")
}

// TestOneBehindThatIsWrittenSpeaksForThoseBefore when they are given up: the broker took them in order.
func TestOneBehindThatIsWrittenSpeaksForThoseBefore(t *testing.T) {
	b := known(t, idempotent)
	b.add(3)
	b.send("1/10", "2/20", "3/30")
	b.answer(1, lost)
	b.answer(2, Answer{Offset: 20})
	b.answer(3, lost)
	b.Abandon(errOne, &b.out)
	b.told("1@-1", "2@20", "3!one")
}

func TestRetriesAreCounted(t *testing.T) {
	b := known(t, Config{Idempotent: true, Retries: 2})
	b.add(1)
	for range 2 {
		b.send("1/10")
		b.answer(1, lost)
		b.told()
	}
	b.send("1/10")
	b.answer(1, lost)
	b.told("1!one")
}

func TestATransactionalLineWaitsForItsCoordinator(t *testing.T) {
	b := known(t, Config{Idempotent: true, Transactional: true})
	b.add(1)
	b.send("1/10")
	b.answer(1, Answer{Kind: OutOfOrder, Err: errOne})
	b.told("1!one")
	b.Resume()
	b.add(1)
	b.send()
	if b.Need() != NeedID {
		t.Error("it goes on by itself")
	}
}

func TestWithoutNumbersOneIsInFlight(t *testing.T) {
	b := newBench(t, Config{})
	b.add(3)
	b.send("0/-1")
	b.answer(0, lost)
	b.send("0/-1")
	b.answer(0, Answer{Offset: 4})
	b.told("0@4")
	b.send("1/-1")
	if b.sent[len(b.sent)-1].ID != NoID {
		t.Error("it has an id")
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err   *kerr.Error
		tries int
		want  Kind
	}{
		{kerr.DuplicateSequenceNumber, 1, Written},
		{kerr.NotLeaderForPartition, 1, Unsure},
		{kerr.RequestTimedOut, 1, Unsure},
		{kerr.NotEnoughReplicas, 1, NotWritten},
		{kerr.NotEnoughReplicasAfterAppend, 1, Unsure},
		{kerr.UnknownTopicOrPartition, 1, Unsure},
		{kerr.UnknownTopicID, 1, Unsure},
		{kerr.KafkaStorageError, 1, Unsure},
		{kerr.OutOfOrderSequenceNumber, 1, OutOfOrder},
		{kerr.UnknownProducerID, 1, OutOfOrder},
		{kerr.InvalidProducerEpoch, 1, BadID},
		{kerr.MessageTooLarge, 1, Refused},
		{kerr.RecordListTooLarge, 1, Refused},
		{kerr.InvalidTimestamp, 1, Refused},
		{kerr.TopicAuthorizationFailed, 1, Refused},
		{kerr.InvalidRecord, 1, Refused},
		{kerr.UnsupportedCompressionType, 1, Refused},
		{kerr.CorruptMessage, 2, NotWritten},
		{kerr.CorruptMessage, 3, Refused},
		{kerr.UnknownServerError, 1, Failed},
	} {
		if got := Classify(c.err.Code, c.tries, false); got != c.want {
			t.Errorf("%s is %d, want %d", c.err.Message, got, c.want)
		}
	}
	if Classify(0, 1, false) != Written || Classify(kerr.ConcurrentTransactions.Code, 1, true) != NotWritten {
		t.Error("no error, or a transaction that ends")
	}
	if Classify(9999, 1, false) != Failed {
		t.Error("a code that nobody knows")
	}
}
