package raw

import (
	"context"
	"fmt"
	"time"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/storage/configlog"
)

// mostKVs bounds one batch of SendKVs, far below what topics take by default.
const mostKVs = 256 << 10

// SendKVs implements client.TransactionalBatches. A record without a key goes to any partition. It waits for the topic's metadata.
func (p *Producer) SendKVs(ctx context.Context, topic string, kvs []client.KV) error {
	t := p.txn
	if t == nil {
		return errNotTransactional
	}
	if len(kvs) == 0 {
		return nil
	}
	n, err := p.partitions(ctx, topic)
	if err != nil {
		return err
	}
	byPartition := map[int32][]client.KV{}
	for _, kv := range kvs {
		part := configlog.Partition(kv.Key, n)
		if kv.Key == nil {
			part = int32(t.rotation % uint32(n))
			t.rotation++
		}
		byPartition[part] = append(byPartition[part], kv)
	}
	for part, own := range byPartition {
		for len(own) > 0 {
			end := 1
			for end < len(own) && rawbatch.KVsSize(own[:end+1]) <= mostKVs {
				end++
			}
			if err := p.sendKVs(ctx, topic, part, own[:end]); err != nil {
				return err
			}
			own = own[end:]
		}
	}
	return nil
}

func (p *Producer) sendKVs(ctx context.Context, topic string, part int32, kvs []client.KV) error {
	raw, crc := rawbatch.EncodeKVs(kvs, time.Now().UnixMilli())
	return p.send(ctx, parcel{own: true, RawBatch: client.RawBatch{
		Topic: topic, Partition: part, Bytes: raw, Records: int32(len(kvs)), BodyCRC: crc,
	}})
}

// partitions waits until the cluster has told of a topic.
func (p *Producer) partitions(ctx context.Context, topic string) (int32, error) {
	p.cl.Want(topic)
	for {
		changed, _ := p.cl.Changed()
		p.mu.Lock()
		err := p.usable()
		p.mu.Unlock()
		if err != nil {
			return 0, err
		}
		meta := p.cl.Topic(topic)
		if meta != nil && meta.Err == nil && len(meta.Partitions) > 0 {
			return int32(len(meta.Partitions)), nil
		}
		if meta != nil && barred(meta.Err) != nil {
			return 0, fmt.Errorf("topic %q: %w", topic, named(meta.Err))
		}
		select {
		case <-changed:
		case <-p.ctx.Done():
		case <-ctx.Done():
			if meta != nil && meta.Err != nil {
				return 0, fmt.Errorf("topic %q: %w (%w)", topic, named(meta.Err), ctx.Err())
			}
			return 0, ctx.Err()
		}
	}
}
