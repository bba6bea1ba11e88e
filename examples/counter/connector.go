package main

import (
	"context"
	"maps"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

// Names of the connector's properties.
const (
	propCounters = "counters"
	propTopic    = "topic"
	propInterval = "interval.ms"
)

var definition = config.New(
	config.Key{
		Name: propCounters, Type: config.TypeList, Importance: config.High, Validator: config.AnyList(false, false),
		Doc: "Names of the counters.",
	},
	config.Key{
		Name: propTopic, Importance: config.High, Validator: config.NonEmpty(),
		Doc: "The topic to write to.",
	},
	config.Key{
		Name: propInterval, Type: config.TypeLong, Default: 1000, Validator: config.AtLeast(1),
		Doc: "Time between two numbers of a counter, in milliseconds.",
	},
)

// plugin tells the worker all it needs to know.
func plugin() connect.ConnectorPlugin {
	return connect.ConnectorPlugin{
		Class:         "org.example.CounterSourceConnector",
		TaskClass:     "org.example.CounterSourceTask",
		Version:       "1.0.0",
		Type:          connect.Source,
		Config:        definition,
		New:           func() connect.Connector { return &connector{} },
		NewSourceTask: func() connect.SourceTask { return &task{} },
	}
}

// connector divides the counters among tasks. Its methods are called one after another.
type connector struct {
	props    map[string]string
	counters []string
}

func (c *connector) Start(_ context.Context, _ connect.ConnectorContext, props map[string]string) error {
	v, err := definition.Parse(props)
	if err != nil {
		return err
	}
	c.props, c.counters = maps.Clone(props), v.List(propCounters)
	return nil
}

// TaskConfigs deals the counters out like cards. The same counters give the same configs, so that tasks restart only if something
// has changed.
func (c *connector) TaskConfigs(_ context.Context, maxTasks int) ([]map[string]string, error) {
	hands := make([][]string, min(maxTasks, len(c.counters)))
	for i, name := range c.counters {
		hands[i%len(hands)] = append(hands[i%len(hands)], name)
	}
	configs := make([]map[string]string, len(hands))
	for i, hand := range hands {
		configs[i] = maps.Clone(c.props)
		configs[i][propCounters] = strings.Join(hand, ",")
	}
	return configs, nil
}

func (c *connector) Stop() error { return nil }
