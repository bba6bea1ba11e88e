package raw

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/client"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
)

// quick are settings with short pauses.
func quick(more ...string) map[string]string {
	props := map[string]string{"retry.backoff.ms": "5", "retry.backoff.max.ms": "20", "reconnect.backoff.ms": "5", "reconnect.backoff.max.ms": "20"}
	for i := 0; i < len(more); i += 2 {
		props[more[i]] = more[i+1]
	}
	return props
}

// TestWhatPassesIsTriedAgain has the broker answer some requests with an error, while others are in flight.
func TestWhatPassesIsTriedAgain(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 2, AutoCreateTopics: true, DefaultPartitions: 3})
	for _, err := range []*kerr.Error{
		kerr.NotLeaderForPartition, kerr.LeaderNotAvailable, kerr.RequestTimedOut, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend,
		kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.KafkaStorageError, kerr.FencedLeaderEpoch, kerr.OutOfOrderSequenceNumber,
		kerr.UnknownProducerID, kerr.InvalidProducerEpoch, kerr.CoordinatorLoadInProgress, kerr.NetworkException,
	} {
		t.Run(err.Message, func(t *testing.T) {
			topic := strings.ToLower(err.Message)
			p, o := producer(t, e.Bootstrap(), quick())
			send(t, p, o.batch(topic, 0, "0"), o.batch(topic, 1, "0")) // from here on several are in flight
			flush(t, p)
			answered := 0
			fault := e.Cluster().Fault(kfake.Fault{
				Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Partitions: []int32{0}, Err: err, Count: -1,
				When: func(kmsg.Request) bool { answered++; return answered%3 == 1 && answered < 20 },
			})
			defer fault.Remove()
			for i := 1; i < 40; i++ {
				send(t, p, o.batch(topic, 0, numbered(i, 1)...), o.batch(topic, 1, numbered(i, 1)...))
			}
			flush(t, p)
			o.whole(t, 80)
			if fault.Hits() == 0 {
				t.Error("nothing was to be tried again")
			}
			for part := range int32(2) {
				ascending(t, read(t, e.Bootstrap(), topic, part, 40), 40)
			}
		})
	}
}

// TestWhatIsRefusedFailsAndNothingOvertakesIt has the broker refuse one batch in the middle of others.
func TestWhatIsRefusedFailsAndNothingOvertakesIt(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{AutoCreateTopics: true, DefaultPartitions: 2})
	for _, c := range []struct {
		code *kerr.Error
		is   error
	}{
		{kerr.MessageTooLarge, client.ErrTooLarge},
		{kerr.RecordListTooLarge, client.ErrTooLarge},
		{kerr.InvalidTimestamp, client.ErrTimestamp},
		{kerr.TopicAuthorizationFailed, client.ErrUnauthorized},
		{kerr.InvalidRecord, client.ErrRecord},
		{kerr.UnsupportedCompressionType, kerr.UnsupportedCompressionType},
		{kerr.CorruptMessage, client.ErrCorrupt},
		{kerr.UnknownServerError, kerr.UnknownServerError},
	} {
		t.Run(c.code.Message, func(t *testing.T) {
			topic := strings.ToLower(c.code.Message)
			p, o := producer(t, e.Bootstrap(), quick())
			send(t, p, o.batch(topic, 0, "0"), o.batch(topic, 1, "0"))
			flush(t, p)
			fault := e.Cluster().Fault(kfake.Fault{
				Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Partitions: []int32{0}, Err: c.code, Count: corruptTimes(c.code),
			})
			defer fault.Remove()
			for i := 1; i < 10; i++ {
				send(t, p, o.batch(topic, 0, numbered(i, 1)...), o.batch(topic, 1, numbered(i, 1)...))
			}
			flush(t, p)
			send(t, p, o.batch(topic, 0, "passed over"))
			flush(t, p)
			fault.Remove()
			errs := o.failures()
			if err := errs[2]; !errors.Is(err, c.is) || errors.Is(err, client.ErrPassedOver) {
				t.Errorf("the refused batch: %v", err)
			}
			for seq := uint64(4); seq <= 20; seq += 2 {
				if !errors.Is(errs[seq], client.ErrPassedOver) {
					t.Errorf("batch %d behind it: %v", seq, errs[seq])
				}
			}
			p.GoOn(topic, 0)
			for i := 1; i < 10; i++ {
				send(t, p, o.batch(topic, 0, numbered(i, 1)...))
			}
			flush(t, p)
			for part := range int32(2) {
				ascending(t, read(t, e.Bootstrap(), topic, part, 10), 10)
			}
		})
	}
}

// corruptTimes is how often a batch is refused until it is given up.
func corruptTimes(err *kerr.Error) int {
	if err == kerr.CorruptMessage {
		return -1
	}
	return 1
}

func TestATopicThatIsNotThereIsWaitedForUntilTheTimeout(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"there": 1}})
	p, o := producer(t, e.Bootstrap(), quick("delivery.timeout.ms", "300", "request.timeout.ms", "200", "linger.ms", "0"))
	send(t, p, o.batch("gone", 0, "a"), o.batch("there", 3, "b"), o.batch("there", 0, "c"))
	flush(t, p)
	errs := o.failures()
	for seq := range uint64(2) {
		if !errors.Is(errs[seq], client.ErrUnknownTopic) || !strings.Contains(errs[seq].Error(), "delivery.timeout.ms") {
			t.Errorf("batch %d: %v", seq, errs[seq])
		}
	}
	if errs[2] != nil {
		t.Error(errs[2])
	}
}

func TestATopicThatStaysAwayIsNotWaitedForForWeeks(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"there": 1}})
	p, o := producer(t, e.Bootstrap(), quick("delivery.timeout.ms", "2147483647"))
	p.mu.Lock()
	p.patience = 100 * time.Millisecond
	p.mu.Unlock()
	send(t, p, o.batch("gone", 0, "a"), o.batch("there", 3, "b"), o.batch("there", 0, "c"))
	flush(t, p)
	errs := o.failures()
	if !errors.Is(errs[0], client.ErrUnknownTopic) || !errors.Is(errs[1], client.ErrUnknownTopic) || errs[2] != nil {
		t.Errorf("failures %v", errs)
	}
	resp, err := kadmin(t, e.Bootstrap()).CreateTopics(within(t, time.Minute), 1, 1, nil, "gone")
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.patience = time.Minute
	p.mu.Unlock()
	p.GoOn("gone", 0)
	send(t, p, o.batch("gone", 0, "0"))
	flush(t, p)
	if err := o.failures()[3]; err != nil {
		t.Fatal(err)
	}
	ascending(t, read(t, e.Bootstrap(), "gone", 0, 1), 1)
}

// TestATopicMadeAnewIsWrittenTo with what is sent after the old one has gone.
func TestATopicMadeAnewIsWrittenTo(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"t": 1}})
	adm := kadmin(t, e.Bootstrap())
	p, o := producer(t, e.Bootstrap(), quick())
	for range 3 {
		for range 10 {
			send(t, p, o.batch("t", 0, "old"))
		}
		flush(t, p)
		if _, err := adm.DeleteTopics(within(t, time.Minute), "t"); err != nil {
			t.Fatal(err)
		}
		send(t, p, o.batch("t", 0, "0"), o.batch("t", 0, "1"))
		if _, err := adm.CreateTopics(within(t, time.Minute), 1, 1, nil, "t"); err != nil {
			t.Fatal(err)
		}
		for i := 2; i < 20; i++ {
			send(t, p, o.batch("t", 0, numbered(i, 1)...))
		}
		flush(t, p)
		ascending(t, read(t, e.Bootstrap(), "t", 0, 20), 20)
	}
	o.whole(t, 90)
}

func TestWithoutABrokerTheTimeoutSaysSo(t *testing.T) {
	testkit.NoLeaks(t)
	p, o := producer(t, "127.0.0.1:1", quick("delivery.timeout.ms", "300", "request.timeout.ms", "200", "linger.ms", "0"))
	send(t, p, o.batch("t", 0, "a"))
	flush(t, p)
	if err := o.failures()[0]; err == nil || !strings.Contains(err.Error(), "bootstrap.servers") {
		t.Error(err)
	}
}
