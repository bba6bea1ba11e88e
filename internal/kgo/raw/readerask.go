package raw

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect"
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
