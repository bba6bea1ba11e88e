package node

import (
	"context"
	"errors"

	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/kafka"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/worker"
)

// exactlyOnce makes of the log of a store what exactly-once source support wants of it (KIP-618).
func (k *kafkaClients) exactlyOnce(store worker.Store, log *kafka.Log) (storage.Log, error) {
	mode := k.conf.ExactlyOnce
	if mode.Enabled() && store != worker.StatusStore {
		log = log.Committed()
	}
	if !mode.TransactionalLeader() || store != worker.ConfigStore {
		return log, nil
	}
	// The id is that of Java workers: whichever of both leads fences off the other.
	props := clientconf.TransactionalStoreProducerProps(k.conf.Raw, k.clientID("leader"), "connect-cluster-"+k.conf.GroupID)
	s, err := k.tr.translate(clientconf.Producer, props)
	if err != nil {
		return nil, err
	}
	return log.ByLeader(s.Librdkafka), nil
}

// FenceProducers fences off transactional producers.
func (k *kafkaClients) FenceProducers(ctx context.Context, props map[string]string, ids []string) error {
	s, err := k.tr.translate(clientconf.Admin, props)
	if err != nil {
		return err
	}
	cl, err := kgoclient.Open(s, k.log)
	if err != nil {
		return err
	}
	defer cl.Close()
	return kgoclient.FenceProducers(ctx, cl, ids)
}

// OpenOffsets makes sure of a connector's own topic of source offsets and opens it.
func (k *kafkaClients) OpenOffsets(ctx context.Context, t worker.OffsetsTopic) (storage.Log, error) {
	admin, timeout, err := k.admin(t.Admin)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	actx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	spec := client.TopicSpec{
		Name: t.Name, Partitions: int32(t.Partitions), Replication: int16(t.ReplicationFactor), Config: t.Settings,
	}
	if _, err := admin.EnsureTopic(actx, spec, "offset", "offsets.storage.topic"); err != nil {
		return nil, err
	}
	p, err := k.tr.translate(clientconf.Producer, t.Producer)
	if err != nil {
		return nil, err
	}
	c, err := k.tr.translate(clientconf.Consumer, t.Consumer)
	if err != nil {
		return nil, err
	}
	logs, err := kafka.NewLogs(kafka.LogsOptions{
		Producer: p.Librdkafka, Consumer: c.Librdkafka, ReadCommitted: t.Consumer["isolation.level"] == "read_committed", Log: k.log,
	})
	if err != nil {
		return nil, err
	}
	return ownLog{logs.Open(t.Name), logs}, nil
}

// ownLog is a log with clients of its own.
type ownLog struct {
	*kafka.Log
	logs *kafka.Logs
}

// Close implements storage.Log.
func (l ownLog) Close() error {
	err := l.Log.Close()
	l.logs.Close()
	return errors.Join(err)
}
