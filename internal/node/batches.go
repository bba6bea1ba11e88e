package node

import (
	"github.com/connectd/connectd/connectors/mirror"
	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/kgo/raw"
	"github.com/connectd/connectd/worker"
)

// codec is shared by all tasks: it keeps nothing of what it did.
var codec kgoclient.Codec

// Codec compresses and decompresses record batches.
func (m mirrorClients) Codec() rawbatch.Codec { return &codec }

// BatchReader opens a reader of whole record batches.
func (m mirrorClients) BatchReader(props map[string]string, memory int64) (mirror.BatchReader, error) {
	s, err := m.tr.translate(clientconf.Consumer, props)
	if err != nil {
		return nil, err
	}
	return raw.NewReader(s, raw.ReaderOptions{MaxBytes: memory, Log: m.log})
}

var _ worker.BatchKafka = (*kafkaClients)(nil)

// NewBatchProducer opens a source task's producer of whole record batches.
func (k *kafkaClients) NewBatchProducer(props map[string]string, onDelivery func([]client.Delivery)) (client.BatchProducer, error) {
	s, err := k.tr.translate(clientconf.Producer, props)
	if err != nil {
		return nil, err
	}
	return raw.NewProducer(s, k.log, onDelivery)
}
