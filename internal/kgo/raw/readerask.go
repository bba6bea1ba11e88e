package raw

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// question asks a broker something about partitions, which it names with their leader epochs.
type question func(ctx context.Context, broker int32, parts []wanted) (map[connect.TopicPartition]told, error)

// wanted is a partition that something is asked about.
type wanted struct {
	tp          connect.TopicPartition
	leaderEpoch int32
	spec        int64 // an offset's stand-in; or the position
	epoch       int32 // of the position
}

// told is the answer for a partition.
type told struct {
	offset int64
	epoch  int32
	err    error
}

// ask asks about partitions that are neither loose nor read, and has them go on with the answers. The lock is held.
func (r *Reader) ask(broker int32, parts []*part, q func(p *part, t told)) {
	gens := make([]uint64, len(parts))
	list := make([]wanted, len(parts))
	for i, p := range parts {
		gens[i] = p.gen
		list[i] = wanted{tp: p.tp(), leaderEpoch: p.leaderEpoch, spec: p.offset, epoch: p.epoch}
	}
	call := question(r.cl.offsets(r.set.ReadCommitted))
	if parts[0].offset >= 0 {
		call = r.cl.epochs
	}
	r.work.Go(func() {
		ctx, cancel := context.WithTimeout(r.ctx, r.cl.dialer.requestTimeout)
		defer cancel()
		answers, err := call(ctx, broker, list)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ctx.Err() != nil {
			return
		}
		if err != nil {
			r.log.Debug("offsets can't be asked for", "broker", broker, "error", err)
			r.complain(err)
		}
		for i, p := range parts {
			if p.gen != gens[i] {
				continue
			}
			a, has := answers[list[i].tp]
			switch {
			case err != nil || !has:
				r.loosen(p)
			case a.err != nil:
				p.asked = list[i].spec
				r.trouble(p, p.leader, a.err)
			default:
				p.tries, p.missing = 0, time.Time{}
				q(p, a)
			}
		}
		signal(r.stir)
	})
}

// findOffsets takes the offset that stands for an end.
func (r *Reader) findOffsets(p *part, t told) {
	p.offset = t.offset
	r.loose[p] = struct{}{}
}

// proveOffsets compares a position with where the new leader's log ends of the epoch in which it was read (KIP-320).
func (r *Reader) proveOffsets(p *part, t told) {
	p.unproven = false
	if t.offset >= 0 && t.offset < p.offset {
		p.asked = p.offset
		r.truncated(p, t.epoch, t.offset)
		return
	}
	r.loose[p] = struct{}{}
}

// offsets is the question for the offsets that specs stand for.
func (c *Cluster) offsets(committed bool) question {
	return func(ctx context.Context, broker int32, parts []wanted) (map[connect.TopicPartition]told, error) {
		req := kmsg.NewPtrListOffsetsRequest()
		if committed {
			req.IsolationLevel = 1
		}
		for _, w := range byTopic(parts) {
			t := kmsg.NewListOffsetsRequestTopic()
			t.Topic = w[0].tp.Topic
			for _, one := range w {
				p := kmsg.NewListOffsetsRequestTopicPartition()
				p.Partition, p.CurrentLeaderEpoch, p.Timestamp = one.tp.Partition, one.leaderEpoch, one.spec
				t.Partitions = append(t.Partitions, p)
			}
			req.Topics = append(req.Topics, t)
		}
		resp, err := c.askBroker(ctx, broker, req, 1, 7)
		if err != nil {
			return nil, err
		}
		out := map[connect.TopicPartition]told{}
		for _, t := range resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				a := told{offset: p.Offset, epoch: p.LeaderEpoch, err: kerr.ErrorForCode(p.ErrorCode)}
				out[connect.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = a
			}
		}
		return out, nil
	}
}

// epochs is the question for where the epochs of positions end. A broker that does not know the question proves nothing.
func (c *Cluster) epochs(ctx context.Context, broker int32, parts []wanted) (map[connect.TopicPartition]told, error) {
	out := map[connect.TopicPartition]told{}
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.ReplicaID = -1
	for _, w := range byTopic(parts) {
		t := kmsg.NewOffsetForLeaderEpochRequestTopic()
		t.Topic = w[0].tp.Topic
		for _, one := range w {
			p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			p.Partition, p.CurrentLeaderEpoch, p.LeaderEpoch = one.tp.Partition, one.leaderEpoch, one.epoch
			t.Partitions = append(t.Partitions, p)
			out[one.tp] = told{offset: -1, epoch: -1}
		}
		req.Topics = append(req.Topics, t)
	}
	// Before version 3 it needs a permission for the whole cluster (KIP-320).
	resp, err := c.askBroker(ctx, broker, req, 3, 4)
	if errors.Is(err, kerr.UnsupportedVersion) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for _, t := range resp.(*kmsg.OffsetForLeaderEpochResponse).Topics {
		for _, p := range t.Partitions {
			a := told{offset: p.EndOffset, epoch: p.LeaderEpoch, err: kerr.ErrorForCode(p.ErrorCode)}
			out[connect.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = a
		}
	}
	return out, nil
}

// askBroker makes a request whose answer holds no bytes that need its memory.
func (c *Cluster) askBroker(ctx context.Context, broker int32, req kmsg.Request, least, most int16) (kmsg.Response, error) {
	conn, err := c.Conn(ctx, broker, ForOther)
	if err != nil {
		return nil, err
	}
	if err := conn.Negotiate(req, least, most); err != nil {
		return nil, err
	}
	resp, hold, err := conn.DoAs(ctx, req)
	hold.Release()
	return resp, err
}

// byTopic puts partitions of one topic together.
func byTopic(parts []wanted) [][]wanted {
	at := map[string]int{}
	var out [][]wanted
	for _, w := range parts {
		i, has := at[w.tp.Topic]
		if !has {
			i = len(out)
			at[w.tp.Topic] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], w)
	}
	return out
}

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
		lasting := errors.As(err, &pe) && (errors.Is(err, client.ErrUnauthorized) || errors.Is(err, client.ErrUnknownTopic) && time.Since(begun) >= patience ||
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
	for broker, parts := range groups {
		answers, err := r.cl.offsets(committed)(ctx, broker, parts)
		if err != nil {
			first = or(first, err)
			continue
		}
		for _, w := range parts {
			a, has := answers[w.tp]
			switch {
			case !has:
				first = or(first, fmt.Errorf("broker %d said nothing of %s-%d", broker, w.tp.Topic, w.tp.Partition))
			case a.err != nil:
				first = or[error](first, &client.PartitionError{TopicPartition: w.tp, Err: telling(a.err)})
			default:
				out[w.tp] = a.offset
			}
		}
	}
	return first
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
		resp, err := r.cl.metadata(ctx, topics, false)
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

// endTime is how long closing may take for telling brokers that their sessions are over.
const endTime = time.Second

// endSessions tells the brokers that their sessions are over, as far as they listen: they keep a limited number of them.
func (r *Reader) endSessions() {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	for _, s := range r.sources {
		if s.session.id == 0 {
			continue
		}
		r.work.Go(func() {
			// Not behind the fetch that may be under way.
			conn, err := r.cl.Conn(ctx, s.id, ForOther)
			if err != nil {
				return
			}
			req := kmsg.NewPtrFetchRequest()
			if conn.Negotiate(req, leastFetch, mostFetch) != nil {
				return
			}
			req.ReplicaID, req.ReplicaState.ID = -1, -1
			req.SessionID, req.SessionEpoch = s.session.id, -1
			_, hold, err := conn.DoAs(ctx, req)
			if err == nil {
				hold.Release()
			}
		})
	}
	r.work.Wait()
}
