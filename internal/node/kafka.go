package node

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/kafka"
	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/worker"
	"github.com/connectd/connectd/worker/workerconf"
	"github.com/hashicorp/go-hclog"
)

// translator turns Java client properties into settings. What has no counterpart is warned about once per process and
// property.
type translator struct {
	log    hclog.Logger
	mu     *sync.Mutex
	warned map[string]bool
}

func newTranslator(log hclog.Logger) *translator {
	return &translator{log: log, mu: &sync.Mutex{}, warned: map[string]bool{}}
}

func (t *translator) translate(role clientconf.Role, props map[string]string) (*clientconf.Settings, error) {
	s, err := clientconf.Translate(role, props, os.ReadFile)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range s.Warnings {
		if key := role.String() + "\x00" + w.Property; !t.warned[key] {
			t.warned[key] = true
			t.log.Warn("client property without effect", "client", role.String(), "property", w.Property, "reason", w.Reason)
		}
	}
	return s, nil
}

// kafkaClients implements worker.Kafka over librdkafka.
type kafkaClients struct {
	conf *workerconf.Config
	tr   *translator
	log  hclog.Logger

	mu      sync.Mutex
	shared  *kafka.Logs            // of the stores, opened on first use
	stores  *kafka.Admin           // of the stores, opened on first use
	timeout time.Duration          // default.api.timeout.ms of the stores' admin
	onError map[string]func(error) // of the stores, by topic
}

var _ worker.Kafka = (*kafkaClients)(nil)

func newKafkaClients(conf *workerconf.Config, tr *translator, log hclog.Logger) *kafkaClients {
	return &kafkaClients{conf: conf, tr: tr, log: log, onError: map[string]func(error){}}
}

// admin opens an administrative client, and says how long a call may take (default.api.timeout.ms).
func (k *kafkaClients) admin(props map[string]string) (*kafka.Admin, time.Duration, error) {
	s, err := k.tr.translate(clientconf.Admin, props)
	if err != nil {
		return nil, 0, err
	}
	a, err := kafka.NewAdmin(s.Librdkafka, k.log)
	return a, s.Network.DefaultAPITimeout, err
}

// ClusterID connects to the worker's cluster.
func (k *kafkaClients) ClusterID(ctx context.Context) (string, error) {
	s, err := k.tr.translate(clientconf.Admin, clientconf.StoreAdminProps(k.conf.Raw, k.clientID("admin")))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Network.DefaultAPITimeout)
	defer cancel()
	c, err := kafka.Connect(ctx, s.Librdkafka, k.log)
	return c.ID, err
}

func (k *kafkaClients) clientID(what string) string {
	id := k.conf.ClientID
	if id == "" {
		id = k.conf.GroupID
	}
	return id + "-" + what
}

// OpenLog makes sure of the topic of a store and opens it.
func (k *kafkaClients) OpenLog(ctx context.Context, store worker.Store, t workerconf.StorageTopic, onError func(error)) (storage.Log, error) {
	admin, timeout, err := k.storeAdmin()
	if err != nil {
		return nil, err
	}
	actx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	spec := client.TopicSpec{
		Name: t.Name, Partitions: int32(t.Partitions), Replication: int16(t.ReplicationFactor), Config: t.Settings,
	}
	property := string(store) + ".storage.topic"
	created, err := admin.EnsureTopic(actx, spec, string(store), property)
	if err != nil {
		return nil, err
	}
	if store == worker.ConfigStore && !created {
		if err := admin.CheckSinglePartition(actx, t.Name, property); err != nil {
			return nil, err
		}
	}
	logs, err := k.storeLogs()
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.onError[t.Name] = onError
	k.mu.Unlock()
	partitions := spec.Partitions
	if !created || partitions < 0 {
		partitions = 0
	}
	return k.exactlyOnce(store, logs.OpenNew(t.Name, partitions))
}

// storeLogs gives the clients of the stores. All three share one producer: it writes in order, with acks=all, whatever the
// topic. So a status may be sent again as well: Java keeps the status producer from it lest newer ones be overtaken.
func (k *kafkaClients) storeLogs() (*kafka.Logs, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.shared != nil {
		return k.shared, nil
	}
	const kind = clientconf.ConfigStore
	p, err := k.tr.translate(clientconf.Producer, clientconf.StoreProducerProps(kind, k.conf.Raw, k.clientID("stores")))
	if err != nil {
		return nil, err
	}
	c, err := k.tr.translate(clientconf.Consumer, clientconf.StoreConsumerProps(kind, k.conf.Raw, k.clientID("stores"), false))
	if err != nil {
		return nil, err
	}
	k.shared, err = kafka.NewLogs(kafka.LogsOptions{Producer: p.Librdkafka, Consumer: c.Librdkafka, Log: k.log, OnError: k.report})
	return k.shared, err
}

// report tells the store of a topic what is wrong with it.
func (k *kafkaClients) report(topic string, err error) {
	k.mu.Lock()
	onError := k.onError[topic]
	k.mu.Unlock()
	if onError != nil {
		onError(fmt.Errorf("topic %s: %w", topic, err))
	}
}

// close releases what the stores shared, after they were closed.
func (k *kafkaClients) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.shared != nil {
		k.shared.Close()
		k.shared = nil
	}
	if k.stores != nil {
		k.stores.Close()
		k.stores = nil
	}
}

// storeAdmin is the admin client that all stores share.
func (k *kafkaClients) storeAdmin() (*kafka.Admin, time.Duration, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stores == nil {
		admin, timeout, err := k.admin(clientconf.StoreAdminProps(k.conf.Raw, k.clientID("stores-admin")))
		if err != nil {
			return nil, 0, err
		}
		k.stores, k.timeout = admin, timeout
	}
	return k.stores, k.timeout, nil
}

// NewProducer opens a source task's producer.
func (k *kafkaClients) NewProducer(props map[string]string, onDelivery func([]client.Delivery)) (client.Producer, error) {
	s, err := k.tr.translate(clientconf.Producer, props)
	if err != nil {
		return nil, err
	}
	if s.Producer.TransactionalID != "" {
		return kafka.NewTxnProducer(s.Librdkafka, k.log, onDelivery)
	}
	return kafka.NewTaskProducer(s.Librdkafka, k.log, onDelivery)
}

// NewConsumer opens a sink task's consumer.
func (k *kafkaClients) NewConsumer(props map[string]string) (client.Consumer, error) {
	s, err := k.tr.translate(clientconf.Consumer, props)
	if err != nil {
		return nil, err
	}
	return kafka.NewConsumer(s.Librdkafka, s.Consumer.MaxPollRecords, k.log)
}

// CreateTopic creates a topic unless it is there.
func (k *kafkaClients) CreateTopic(ctx context.Context, props map[string]string, spec client.TopicSpec) error {
	admin, timeout, err := k.admin(props)
	if err != nil {
		return err
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	topics, err := admin.Topics(ctx)
	if err != nil {
		return err
	}
	if _, has := topics[spec.Name]; has {
		return nil
	}
	failed, err := admin.CreateTopics(ctx, spec)
	if err != nil {
		return err
	}
	if err := failed[spec.Name]; err != nil && !isTopicExists(err) {
		return err
	}
	return nil
}
