package node

import (
	"context"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/clientconf"
	kgoclient "github.com/connectd/connectd/internal/kgo"
)

// withGroups opens a client for one call about a consumer group: librdkafka's Go client cannot remove single offsets.
func (k *kafkaClients) withGroups(props map[string]string, use func(*kgoclient.Groups) error) error {
	s, err := k.tr.translate(clientconf.Admin, props)
	if err != nil {
		return err
	}
	cl, err := kgoclient.Open(s, k.log)
	if err != nil {
		return err
	}
	defer cl.Close()
	return use(kgoclient.NewGroups(cl))
}

// GroupOffsets lists a group's offsets.
func (k *kafkaClients) GroupOffsets(ctx context.Context, props map[string]string, group string) (out map[connect.TopicPartition]int64, err error) {
	err = k.withGroups(props, func(g *kgoclient.Groups) error {
		out, err = g.Offsets(ctx, group)
		return err
	})
	return out, err
}

// AlterGroupOffsets changes a group's offsets.
func (k *kafkaClients) AlterGroupOffsets(ctx context.Context, props map[string]string, group string, offsets map[connect.TopicPartition]*int64) error {
	return k.withGroups(props, func(g *kgoclient.Groups) error { return g.Alter(ctx, group, offsets) })
}

// DeleteGroup removes a group.
func (k *kafkaClients) DeleteGroup(ctx context.Context, props map[string]string, group string) error {
	return k.withGroups(props, func(g *kgoclient.Groups) error { return g.Delete(ctx, group) })
}
