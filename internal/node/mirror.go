package node

import (
	"context"
	"maps"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/kafka"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/hashicorp/go-hclog"
)

// mirrorClients implements mirror.Clients over librdkafka.
type mirrorClients struct {
	tr  *translator
	log hclog.Logger
}

var _ mirror.Clients = mirrorClients{}

// registerMirror hands the mirror connectors in with their clients.
func registerMirror(tr *translator, log hclog.Logger) func(connect.Registrar) {
	return func(r connect.Registrar) { mirror.Register(r, mirrorClients{tr: tr, log: log}) }
}

// Admin opens an administrative client.
func (m mirrorClients) Admin(props map[string]string) (mirror.Admin, error) {
	s, err := m.tr.translate(clientconf.Admin, props)
	if err != nil {
		return nil, err
	}
	a, err := kafka.NewAdmin(s.Librdkafka, m.log)
	if err != nil {
		return nil, err
	}
	topics, err := kgoclient.NewTopicAdmin(s, m.log)
	if err != nil {
		a.Close()
		return nil, err
	}
	return mirrorAdmin{a, topics}, nil
}

// mirrorAdmin asks by librdkafka, and what that does not tell by franz-go.
type mirrorAdmin struct {
	*kafka.Admin
	topics *kgoclient.TopicAdmin
}

// Shapes lists topics with their ids.
func (a mirrorAdmin) Shapes(ctx context.Context) (map[string]client.Topic, error) {
	return a.topics.Shapes(ctx)
}

// TopicACLs lists the ACLs of topics.
func (a mirrorAdmin) TopicACLs(ctx context.Context) ([]client.ACL, error) {
	return a.topics.TopicACLs(ctx)
}

// CreateTopicACLs adds ACLs of topics.
func (a mirrorAdmin) CreateTopicACLs(ctx context.Context, acls ...client.ACL) (map[client.ACL]error, error) {
	return a.topics.CreateTopicACLs(ctx, acls...)
}

// Close releases both clients.
func (a mirrorAdmin) Close() {
	a.topics.Close()
	a.Admin.Close()
}

// Reader opens a consumer by assignment. A position that does not exist must come back as an error, so auto.offset.reset
// is checked but kept from librdkafka.
func (m mirrorClients) Reader(props map[string]string) (mirror.Reader, error) {
	s, err := m.tr.translate(clientconf.Consumer, props)
	if err != nil {
		return nil, err
	}
	settings := maps.Clone(s.Librdkafka)
	settings["auto.offset.reset"] = "error"
	return kafka.NewReader(settings, kafka.ReaderOptions{MaxRecords: s.Consumer.MaxPollRecords, Log: m.log})
}

// Writer opens a producer.
func (m mirrorClients) Writer(props map[string]string, onDelivery func([]client.Delivery)) (client.Producer, error) {
	s, err := m.tr.translate(clientconf.Producer, props)
	if err != nil {
		return nil, err
	}
	return kafka.NewProducer(s.Librdkafka, m.log, onDelivery)
}

// Groups opens a client for consumer groups: librdkafka lacks what many groups in one request need.
func (m mirrorClients) Groups(props map[string]string) (mirror.GroupAdmin, error) {
	s, err := m.tr.translate(clientconf.Admin, props)
	if err != nil {
		return nil, err
	}
	return kgoclient.NewGroupAdmin(s, m.log)
}

// Logs opens a client that follows whole topics: what the consumer reads, and where it ends the other half asks.
func (m mirrorClients) Logs(consumer, admin map[string]string) (mirror.Logs, error) {
	s, err := m.tr.translate(clientconf.Consumer, consumer)
	if err != nil {
		return nil, err
	}
	a, err := m.tr.translate(clientconf.Admin, admin)
	if err != nil {
		return nil, err
	}
	logs, err := kafka.NewLogs(kafka.LogsOptions{Producer: a.Librdkafka, Consumer: s.Librdkafka, Log: m.log})
	if err != nil {
		return nil, err
	}
	return mirrorLogs{logs}, nil
}

// mirrorLogs opens topics for mirrors.
type mirrorLogs struct{ *kafka.Logs }

func (l mirrorLogs) Log(topic string) mirror.Log { return l.Open(topic) }
