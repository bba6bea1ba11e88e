package raw

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// ListOffsets asks for the offsets that specs (client.Earliest, client.Latest, or milliseconds since the epoch) stand for. With committed set,
// Latest is the last stable offset. It tries again until ctx ends, or for default.api.timeout.ms; of topics that are not known for a few seconds
// only. An error of a partition is a *client.PartitionError.
func (r *Reader) ListOffsets(ctx context.Context, specs map[connect.TopicPartition]int64, committed bool) (map[connect.TopicPartition]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	defer r.unwant(specs)
	out := make(map[connect.TopicPartition]int64, len(specs))
	begun := time.Now()
	for tries := 1; len(out) < len(specs); tries++ {
		err := r.listSome(ctx, specs, committed, out)
		if err == nil {
			continue
		}
		var pe *client.PartitionError
		lasting := errors.As(err, &pe) && (errors.Is(err, client.ErrUnauthorized) || errors.Is(err, client.ErrUnknownTopic) && time.Since(begun) >= r.patience ||
			!errors.Is(err, client.ErrUnknownTopic) && isKafka(err) && !kerr.IsRetriable(pe.Err))
		if lasting {
			return nil, err
		}
		if r.cl.sleep(ctx, r.cl.Backoff(tries), "") != nil {
			if errors.As(err, &pe) {
				return nil, err
			}
			return nil, r.cl.unreachable("asking for offsets", or(ctxCanceled(ctx), err))
		}
	}
	return out, nil
}

func ctxCanceled(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return nil
}

func isKafka(err error) bool {
	var k *kerr.Error
	return errors.As(err, &k)
}

// listSome asks once for what is not in out.
func (r *Reader) listSome(ctx context.Context, specs map[connect.TopicPartition]int64, committed bool, out map[connect.TopicPartition]int64) error {
	topics := map[string]bool{}
	for tp := range specs {
		if _, has := out[tp]; !has {
			topics[tp.Topic] = true
		}
	}
	names := make([]string, 0, len(topics))
	for name := range topics {
		names = append(names, name)
	}
	slices.Sort(names)
	if err := r.cl.Refresh(ctx, names...); err != nil {
		return err
	}
	groups := map[int32][]wanted{}
	for tp, spec := range specs {
		if _, has := out[tp]; has {
			continue
		}
		leader, epoch, err := r.cl.leaderOf(tp)
		if err != nil {
			return &client.PartitionError{TopicPartition: tp, Err: telling(err)}
		}
		groups[leader] = append(groups[leader], wanted{tp: tp, leaderEpoch: epoch, spec: spec})
	}
	var first error
	for _, g := range r.cl.askAll(ctx, groups, r.cl.offsets(committed)) {
		answers, err := g.answers, g.err
		if err != nil {
			first = or(first, err)
			continue
		}
		for _, w := range g.parts {
			a, has := answers[w.tp]
			switch {
			case !has:
				first = or(first, fmt.Errorf("broker %d said nothing of %s-%d", g.broker, w.tp.Topic, w.tp.Partition))
			case a.err != nil:
				first = or[error](first, &client.PartitionError{TopicPartition: w.tp, Err: telling(a.err)})
			default:
				out[w.tp] = a.offset
			}
		}
	}
	return first
}

// asked is a question to one broker, and what became of it.
type asked struct {
	broker  int32
	parts   []wanted
	answers map[connect.TopicPartition]told
	err     error
}

// askAll asks several brokers at once.
func (c *Cluster) askAll(ctx context.Context, groups map[int32][]wanted, q question) []asked {
	var all []asked
	for broker, parts := range groups {
		all = append(all, asked{broker: broker, parts: parts})
	}
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() { all[i].answers, all[i].err = q(ctx, all[i].broker, all[i].parts) })
	}
	wg.Wait()
	return all
}

// leaderOf is where a partition is led, or why nobody leads it.
func (c *Cluster) leaderOf(tp connect.TopicPartition) (leader, epoch int32, err error) {
	t := c.Topic(tp.Topic)
	switch {
	case t == nil:
		return -1, -1, kerr.LeaderNotAvailable
	case t.Err != nil:
		return -1, -1, t.Err
	case tp.Partition < 0 || int(tp.Partition) >= len(t.Partitions):
		return -1, -1, kerr.UnknownTopicOrPartition
	case t.Partitions[tp.Partition].Leader < 0:
		return -1, -1, kerr.LeaderNotAvailable
	}
	p := t.Partitions[tp.Partition]
	return p.Leader, p.Epoch, nil
}

// unwant forgets topics that were asked about and are not read.
func (r *Reader) unwant(specs map[connect.TopicPartition]int64) {
	r.mu.Lock()
	var gone []string
	for tp := range specs {
		if r.topics[tp.Topic] == nil {
			gone = append(gone, tp.Topic)
		}
	}
	r.mu.Unlock()
	r.cl.Unwant(gone...)
}

// Shapes asks for the ids and sizes of topics. Topics that do not exist or may not be seen leave gaps; brokers that know no ids leave them
// empty.
func (r *Reader) Shapes(ctx context.Context, topics ...string) (map[string]client.Topic, error) {
	if len(topics) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	for tries := 1; ; tries++ {
		// A broker that hangs shall not use up all the time that there is.
		once, cancel := context.WithTimeout(ctx, min(leastPatience<<min(tries, 10), r.cl.dialer.requestTimeout))
		resp, err := r.cl.metadata(once, topics, false)
		cancel()
		if err == nil {
			return shapesOf(resp), nil
		}
		if r.cl.sleep(ctx, r.cl.Backoff(tries), "") != nil {
			return nil, r.cl.unreachable("asking for topic ids", or(ctxCanceled(ctx), err))
		}
	}
}

func shapesOf(resp *kmsg.MetadataResponse) map[string]client.Topic {
	out := make(map[string]client.Topic, len(resp.Topics))
	for i := range resp.Topics {
		t := topicOf(&resp.Topics[i])
		if t == nil || t.Err != nil {
			continue
		}
		shape := client.Topic{Name: t.Name, Partitions: int32(len(t.Partitions))}
		if t.ID != [16]byte{} {
			shape.ID = base64.RawURLEncoding.EncodeToString(t.ID[:])
		}
		out[t.Name] = shape
	}
	return out
}
