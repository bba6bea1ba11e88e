package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/testkit"
)

// changing is a real broker on which topics are cut and made anew under their readers.
type changing struct {
	bootstrap string
	admin     *kadm.Client
	client    *kgo.Client
}

func (c *changing) create(t *testing.T, topic string, partitions int32) {
	t.Helper()
	compact := "compact,delete"                                          // so that records may be deleted too
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error { // a topic being deleted is there for a moment
		r, err := c.admin.CreateTopic(ctx, partitions, 1, map[string]*string{"cleanup.policy": &compact}, topic)
		return errors.Join(err, r.Err)
	})
}

func (c *changing) remove(t *testing.T, topic string) {
	t.Helper()
	r, err := c.admin.DeleteTopic(within(t), topic)
	if err := errors.Join(err, r.Err); err != nil {
		t.Fatal(err)
	}
}

// write appends by another client than the log's.
func (c *changing) write(t *testing.T, topic string, values ...string) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		var rs []*kgo.Record
		for _, v := range values {
			rs = append(rs, &kgo.Record{Topic: topic, Key: []byte("k"), Value: []byte(v)})
		}
		return c.client.ProduceSync(ctx, rs...).FirstErr()
	})
}

// troubles are what a log reports.
type troubles struct {
	mu   sync.Mutex
	errs []error
}

func (e *troubles) add(topic string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.errs = append(e.errs, err)
}

func (e *troubles) resets() (partitions []int32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, err := range e.errs {
		var r *ResetError
		if errors.As(err, &r) {
			partitions = append(partitions, r.Partition)
		}
	}
	return partitions
}

// tailing opens a log with some records that were read.
func (c *changing) tailing(t *testing.T, topic string, partitions int32) (*Log, *tail, *troubles) {
	t.Helper()
	c.create(t, topic, partitions)
	to, trouble := &tail{}, &troubles{}
	servers := map[string]string{"bootstrap.servers": c.bootstrap}
	l, err := NewLogs(LogsOptions{Producer: servers, Consumer: servers, OnError: trouble.add})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	log := open(t, l, topic, to)
	for i := range 5 {
		if err := log.Append(within(t), kv(fmt.Sprint("k", i), "old")); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.ReadToEnd(within(t)); err != nil {
		t.Fatal(err)
	}
	return log, to, trouble
}

// reads waits for records of the new topic, and that the log can be read to its end and written then.
func reads(t *testing.T, log *Log, to *tail, wanted ...string) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		if err := log.ReadToEnd(ctx); err != nil {
			return err
		}
		for _, w := range wanted {
			if got := to.sorted(); !strings.Contains(got, w) {
				return fmt.Errorf("%s is not among %s", w, got)
			}
		}
		return nil
	})
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return log.Append(ctx, kv("after", "new"))
	})
	if err := log.ReadToEnd(within(t)); err != nil {
		t.Fatal(err)
	}
	if got := to.sorted(); !strings.Contains(got, "after=new") || !strings.Contains(got, "k4=old") {
		t.Errorf("the log has handed on %s", got)
	}
}

func TestLogOfATopicThatIsCutOrMadeAnew(t *testing.T) {
	testkit.NoLeaks(t)
	broker := testkit.StartBroker(t, testkit.Property("auto.create.topics.enable", "false"))
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker.Bootstrap), kgo.MetadataMinAge(100*time.Millisecond), kgo.UnknownTopicRetries(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	c := &changing{broker.Bootstrap, kadm.NewClient(cl), cl}

	t.Run("cut behind the reader", func(t *testing.T) {
		log, to, trouble := c.tailing(t, "cut", 1)
		offsets := kadm.Offsets{}
		offsets.AddOffset("cut", 0, 5, -1)
		r, err := c.admin.DeleteRecords(within(t), offsets)
		if err := errors.Join(err, r.Error()); err != nil {
			t.Fatal(err)
		}
		c.write(t, "cut", "new")
		reads(t, log, to, "k=new")
		if got := trouble.resets(); len(got) > 0 {
			t.Errorf("a reader at the end has lost nothing, but resets %v", got)
		}
	})
	t.Run("made anew and empty", func(t *testing.T) {
		log, to, trouble := c.tailing(t, "emptied", 1)
		c.remove(t, "emptied")
		c.create(t, "emptied", 1)
		reads(t, log, to)
		if got := trouble.resets(); len(got) == 0 {
			t.Error("nothing was reported")
		}
	})
	t.Run("made anew with records", func(t *testing.T) {
		log, to, trouble := c.tailing(t, "restored", 1)
		c.remove(t, "restored")
		c.create(t, "restored", 1)
		c.write(t, "restored", "new1", "new2")
		reads(t, log, to, "k=new1", "k=new2")
		if got := trouble.resets(); len(got) == 0 {
			t.Error("nothing was reported")
		}
	})
	t.Run("made anew with fewer partitions", func(t *testing.T) {
		log, to, _ := c.tailing(t, "smaller", 5)
		c.remove(t, "smaller")
		c.create(t, "smaller", 1)
		c.write(t, "smaller", "new")
		reads(t, log, to, "k=new")
	})
	t.Run("gone", func(t *testing.T) {
		log, _, _ := c.tailing(t, "gone", 1)
		c.remove(t, "gone")
		testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			err := log.ReadToEnd(ctx)
			if err == nil {
				return errors.New("the topic is still there")
			}
			if !strings.Contains(err.Error(), "topic gone") {
				t.Errorf("the error does not name the topic: %v", err)
			}
			return nil
		})
	})
}
