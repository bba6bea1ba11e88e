package worker

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/storage/configlog"
	"github.com/connectd/connectd/worker/herder"
	"github.com/connectd/connectd/worker/task"
	"github.com/hashicorp/go-hclog"
)

// byteArrayConverter copies bytes as they are.
const byteArrayConverter = "org.apache.kafka.connect.converters.ByteArrayConverter"

// build makes and starts the runner of a connector or task. Whatever is wrong with its config is its failure, never the
// worker's.
func (w *Worker) build(ctx context.Context, e herder.StartWork, target cluster.TargetState, report task.Report) (task.Handle, error) {
	conf, err := w.resolve(e.Config)
	if err != nil {
		return nil, err
	}
	p, err := w.cfg.Registry.FindConnector(conf["connector.class"])
	if err != nil {
		return nil, err
	}
	if e.Work.Task == herder.Itself {
		return w.startConnector(ctx, e, p, conf, target, report)
	}
	props, err := w.resolve(e.TaskConfig)
	if err != nil {
		return nil, err
	}
	b := taskBuild{w: w, id: e.Work, plugin: p, conf: conf, props: props, noted: w.noted(e), tasksOffset: e.TasksOffset, member: w.tenure()}
	if p.Type == connect.Sink {
		return b.startSink(ctx, target, report)
	}
	return b.startSource(ctx, target, report)
}

// asked passes on that a connector wants its task configs generated anew.
func (w *Worker) asked(e herder.StartWork) func() {
	return func() {
		w.loop.post(herder.ReconfigureRequested{Connector: e.Work.Connector, Incarnation: e.Incarnation})
	}
}

// noted passes on what a connector or task says while it runs.
func (w *Worker) noted(e herder.StartWork) func(string) {
	return func(text string) { w.loop.post(herder.Noted{Work: e.Work, Incarnation: e.Incarnation, Text: text}) }
}

func (w *Worker) resolve(props map[string]string) (map[string]string, error) {
	if w.cfg.Resolve == nil {
		return props, nil
	}
	return w.cfg.Resolve(props)
}

func (w *Worker) startConnector(ctx context.Context, e herder.StartWork, p connect.ConnectorPlugin, conf map[string]string,
	target cluster.TargetState, report task.Report,
) (task.Handle, error) {
	name := e.Work.Connector
	c := task.ConnectorConfig{
		Name: name, New: p.New, Props: conf, Target: target, RequestReconfiguration: w.asked(e),
		Logger: w.cfg.Logs.For("connector", "connector", name), Report: report, Noted: w.noted(e),
	}
	if p.Type != connect.Source {
		return task.StartConnector(ctx, c), nil
	}
	offsets, err := w.offsetsFor(ctx, name, conf, w.producerProps(cluster.TaskID{Connector: name}, p, conf))
	if err != nil {
		return nil, err
	}
	c.Reader = offsets.reader(name)
	h := task.StartConnector(ctx, c)
	w.releaseAfter(h, offsets)
	return h, nil
}

// releaseAfter lets go of where offsets are kept once who needs it has ended.
func (w *Worker) releaseAfter(h task.Handle, offsets *connectorOffsets) {
	if offsets.own == nil {
		return
	}
	w.effects.Go(func() {
		select {
		case <-h.Done():
			offsets.done()
		case <-w.life.Done(): // closeAll comes
		}
	})
}

// producerProps are those of a source task's producer.
func (w *Worker) producerProps(id cluster.TaskID, p connect.ConnectorPlugin, conf map[string]string) map[string]string {
	clientID := "connector-producer-" + id.String()
	if w.cfg.Conf.ExactlyOnce.Enabled() {
		return clientconf.TransactionalProducerProps(w.cfg.Conf.Raw, conf, clientID, w.transactionalID(id.Connector, id.Task), p.ProducerDefaults)
	}
	return clientconf.TaskProducerProps(w.cfg.Conf.Raw, conf, clientID, p.ProducerDefaults)
}

// taskBuild gathers what a task's runner is made of.
type taskBuild struct {
	w      *Worker
	id     cluster.TaskID
	plugin connect.ConnectorPlugin
	// conf is the connector's config, props the task's.
	conf, props map[string]string
	noted       func(string)
	// tasksOffset is where the task's config was committed, member tells whether the membership lasts in which it was given to us.
	tasksOffset int64
	member      func() bool
}

func (b *taskBuild) startSource(ctx context.Context, target cluster.TargetState, report task.Report) (task.Handle, error) {
	w := b.w
	creation, err := newTopicCreation(w.cfg.Conf, b.conf)
	if err != nil {
		return nil, err
	}
	parts, err := b.parts()
	if err != nil {
		return nil, err
	}
	producer := w.producerProps(b.id, b.plugin, b.conf)
	offsets, err := w.offsetsFor(ctx, b.id.Connector, b.conf, producer)
	if err != nil {
		return nil, err
	}
	transactions, err := b.transactions(offsets)
	if err != nil {
		offsets.done()
		return nil, err
	}
	cfg := task.SourceConfig{
		ID: b.id, New: b.plugin.NewSourceTask, Props: b.props, Connector: b.conf, Target: target,
		Converters: parts.converters, Chain: parts.chain, Errors: parts.errors,
		NewProducer: w.cfg.Kafka.NewProducer, NewBatchProducer: w.newBatchProducer(), NoBatches: b.noBatches(),
		ProducerProps: producer, Transactions: transactions,
		Reader: offsets.reader(b.id.Connector), Offsets: offsets,
		Member:        b.member,
		FlushInterval: w.cfg.Conf.OffsetFlushInterval, FlushTimeout: w.cfg.Conf.OffsetFlushTimeout,
		TopicUsed: b.topicUsed(), TopicResets: w.statuses.TopicResets, Logger: b.logger(), Report: report, Noted: b.noted,
	}
	if creation != nil {
		admin := clientconf.TaskAdminProps(w.cfg.Conf.Raw, b.conf, b.clientID("adminclient"))
		cfg.EnsureTopic = func(ctx context.Context, topic string) error {
			spec, err := creation.spec(topic)
			if err != nil {
				return fmt.Errorf("%s*: %w", topicCreationPrefix, err)
			}
			return w.cfg.Kafka.CreateTopic(ctx, admin, spec)
		}
	}
	s := task.StartSource(ctx, cfg)
	w.releaseAfter(s, offsets)
	return s, nil
}

func (b *taskBuild) startSink(ctx context.Context, target cluster.TargetState, report task.Report) (task.Handle, error) {
	parts, err := b.parts()
	if err != nil {
		return nil, err
	}
	w := b.w
	return task.StartSink(ctx, task.SinkConfig{
		ID: b.id, New: b.plugin.NewSinkTask, Props: b.props, Target: target,
		Converters: parts.converters, Chain: parts.chain, Errors: parts.errors,
		NewConsumer:   w.cfg.Kafka.NewConsumer,
		ConsumerProps: clientconf.TaskConsumerProps(w.cfg.Conf.Raw, b.conf, b.id.Connector, b.clientID("consumer")),
		FlushInterval: w.cfg.Conf.OffsetFlushInterval, FlushTimeout: w.cfg.Conf.OffsetFlushTimeout,
		TopicUsed: b.topicUsed(), TopicResets: w.statuses.TopicResets, Logger: b.logger(), Report: report,
	}), nil
}

func (b *taskBuild) logger() hclog.Logger {
	return b.w.cfg.Logs.For("task", "task", b.id.String())
}

func (b *taskBuild) clientID(kind string) string {
	return "connector-" + kind + "-" + b.id.String()
}

// topicUsed notes the connector's active topics (KIP-558), nil when that is off.
func (b *taskBuild) topicUsed() func(string) {
	if !b.w.cfg.Conf.TopicTrackingEnable {
		return nil
	}
	return func(topic string) {
		b.w.statuses.TopicUsed(configlog.TopicStatus{
			Topic: topic, Connector: b.id.Connector, Task: b.id.Task, DiscoveredMs: time.Now().UnixMilli(),
		})
	}
}

type taskParts struct {
	converters task.Converters
	chain      task.Chain
	errors     task.ErrorPolicy
}

func (b *taskBuild) parts() (p taskParts, err error) {
	conf := b.w.cfg.Conf
	if p.errors, err = task.ParseErrorPolicy(b.conf); err != nil {
		return p, err
	}
	if p.converters.Key, err = b.converter("key.converter", conf.KeyConverter.Class, conf.KeyConverter.Settings, true); err != nil {
		return p, err
	}
	if p.converters.Value, err = b.converter("value.converter", conf.ValueConverter.Class, conf.ValueConverter.Settings, false); err != nil {
		return p, err
	}
	if p.converters.Header, err = b.headerConverter(); err != nil {
		return p, err
	}
	p.chain, err = newChain(b.w.cfg.Registry, b.conf)
	return p, err
}

// chosen says which converter class a property names: the connector's, or where it says nothing bytes for a connector that
// copies bytes, or the worker's.
func (b *taskBuild) chosen(property, workerClass string, workerSettings map[string]string) (string, map[string]string) {
	switch class, own := b.conf[property]; {
	case own:
		return strings.TrimSpace(class), config.WithPrefix(b.conf, property+".")
	case b.plugin.BytesByDefault:
		return byteArrayConverter, nil
	default:
		return workerClass, workerSettings
	}
}

func (b *taskBuild) converter(property, workerClass string, workerSettings map[string]string, isKey bool) (connect.Converter, error) {
	class, settings := b.chosen(property, workerClass, workerSettings)
	p, err := b.w.cfg.Registry.FindConverter(class)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", property, err)
	}
	c := p.New()
	if err := c.Configure(settings, isKey); err != nil {
		return nil, fmt.Errorf("%s: %w", property, err)
	}
	return c, nil
}

func (b *taskBuild) headerConverter() (connect.HeaderConverter, error) {
	const property = "header.converter"
	worker := b.w.cfg.Conf.HeaderConverter
	class, settings := b.chosen(property, worker.Class, worker.Settings)
	p, err := b.w.cfg.Registry.FindHeaderConverter(class)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", property, err)
	}
	c := p.New()
	settings = maps.Clone(settings)
	if settings == nil {
		settings = map[string]string{}
	}
	settings["converter.type"] = "header"
	if err := c.Configure(settings); err != nil {
		return nil, fmt.Errorf("%s: %w", property, err)
	}
	return c, nil
}

// listOf splits a list property; empty items are left out.
func listOf(text string) (out []string) {
	for s := range strings.SplitSeq(text, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// intOf reads a whole number property.
func intOf(props map[string]string, name string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(props[name]))
	if err != nil {
		return 0, fmt.Errorf("%s=%q is not a whole number", name, props[name])
	}
	return n, nil
}
