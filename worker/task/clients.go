package task

import "github.com/connectd/connectd/internal/client"

// The clients that runners need are declared in the floor package client, so that the room that implements them need not
// know this one.
type (
	Header          = client.Header
	ProducerRecord  = client.ProducerRecord
	Delivery        = client.Delivery
	Producer        = client.Producer
	ProducerFactory = client.ProducerFactory
	ConsumedRecord  = client.ConsumedRecord
	Rebalance       = client.Rebalance
	Consumer        = client.Consumer
	ConsumerFactory = client.ConsumerFactory
	TopicSpec       = client.TopicSpec
)
