package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/internal/client"
)

// adminTimeout bounds a request whose context has no deadline: Java's default.api.timeout.ms.
const adminTimeout = time.Minute

// Admin makes administrative calls to one cluster. It is safe for concurrent use, Close included.
type Admin struct {
	c        *ck.AdminClient
	settings map[string]string
	log      hclog.Logger
	servers  string

	life context.Context // ends with Close
	end  context.CancelFunc
	use  sync.RWMutex // held by Close, and shared by calls
}

// NewAdmin opens an administrative client with librdkafka settings. It does not wait for a broker.
func NewAdmin(settings map[string]string, log hclog.Logger) (*Admin, error) {
	// This client can't log but to stderr; what matters is in the errors of its calls.
	cm := ck.ConfigMap{"log_level": "0"}
	for k, v := range settings {
		cm[k] = v
	}
	c, err := ck.NewAdminClient(&cm)
	if err != nil {
		return nil, fmt.Errorf("the Kafka client refuses its settings: %w", err)
	}
	life, end := context.WithCancel(context.Background())
	return &Admin{c: c, settings: settings, log: log, servers: settings["bootstrap.servers"], life: life, end: end}, nil
}

// Close ends calls that are under way, and releases the client. Later calls fail.
func (a *Admin) Close() {
	a.end()
	a.use.Lock()
	defer a.use.Unlock()
	a.c.Close()
}

// bounded begins a call: it gives ctx a deadline if it has none, and what is left until then, and keeps the client open until
// the call is done.
func (a *Admin) bounded(ctx context.Context) (bound context.Context, done func(), left time.Duration) {
	bound, cancel := inTime(ctx)
	d, _ := bound.Deadline()
	unhook := context.AfterFunc(a.life, cancel)
	a.use.RLock()
	return bound, func() {
		a.use.RUnlock()
		unhook()
		cancel()
	}, max(time.Millisecond, time.Until(d))
}

// inTime gives ctx a deadline if it has none.
func inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); !ok {
		return context.WithTimeout(ctx, adminTimeout)
	}
	return context.WithCancel(ctx)
}

// fail words an error of a call.
func (a *Admin) fail(what string, err error) error {
	var ke ck.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return unreachable(a.servers, what, err)
	case errors.As(err, &ke):
		return a.code(what, ke)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (a *Admin) code(what string, ke ck.Error) error {
	e := &Error{Code: int(ke.Code()), Text: ke.Error(), Fatal: ke.IsFatal()}
	switch {
	case e.Code == 0:
		return nil
	case e.Code == codeTransport || e.Code == codeTimedOut || e.Code == codeAllBrokersDown || e.Code == -193 /* resolve */ :
		return unreachable(a.servers, what, e)
	case e.Code == codeAuthentication:
		return fmt.Errorf("%s: the Kafka brokers at %s refuse the credentials: check sasl.mechanism and sasl.jaas.config or the certificates (%w)", what, a.servers, e)
	case IsAuthorization(e):
		return fmt.Errorf("%s: not permitted by the cluster's ACLs for this principal (%w)", what, e)
	}
	return fmt.Errorf("%s: %w", what, e)
}

// Cluster asks for the cluster's id and size, as Connect does.
func (a *Admin) Cluster(ctx context.Context) (Cluster, error) {
	ctx, cancel := inTime(ctx)
	defer cancel()
	return Connect(ctx, a.settings, a.log)
}

// The shapes of what is asked and answered are shared with those who ask.
type (
	Topic        = client.Topic
	ConfigEntry  = client.ConfigEntry
	ConfigChange = client.ConfigChange
)

// Topics lists the cluster's topics that may be seen.
func (a *Admin) Topics(ctx context.Context) (map[string]Topic, error) {
	ctx, done, _ := a.bounded(ctx)
	defer done()
	md, err := a.metadata(ctx)
	if err != nil {
		return nil, a.fail("listing topics", err)
	}
	out := make(map[string]Topic, len(md.Topics))
	for name, t := range md.Topics {
		if t.Error.Code() != ck.ErrNoError || len(t.Partitions) == 0 {
			continue
		}
		out[name] = Topic{Name: name, Partitions: int32(len(t.Partitions)), Replication: int16(len(t.Partitions[0].Replicas))}
	}
	return out, nil
}

// The waits of a metadata request.
const (
	metadataFirst = time.Second
	metadataMost  = 5 * time.Second
	metadataPause = 100 * time.Millisecond
)

// metadata asks in short attempts, since librdkafka's call knows no context, and must have ended before the client is
// closed.
func (a *Admin) metadata(ctx context.Context) (*ck.Metadata, error) {
	for wait := metadataFirst; ; wait = min(2*wait, metadataMost) {
		if d, ok := ctx.Deadline(); ok {
			wait = max(time.Millisecond, min(wait, time.Until(d)))
		}
		md, err := a.c.GetMetadata(nil, true, int(wait.Milliseconds()))
		var ke ck.Error
		if err == nil || !errors.As(err, &ke) || ke.Code() != ck.ErrTransport && ke.Code() != ck.ErrTimedOut {
			return md, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(metadataPause): // the call does not wait when it knows that no broker is up
		}
	}
}

// CreateTopics creates topics and returns an error for each that was not created, by name.
func (a *Admin) CreateTopics(ctx context.Context, specs ...client.TopicSpec) (map[string]error, error) {
	ctx, done, left := a.bounded(ctx)
	defer done()
	req := make([]ck.TopicSpecification, len(specs))
	for i, s := range specs {
		req[i] = ck.TopicSpecification{
			Topic: s.Name, NumPartitions: int(s.Partitions), ReplicationFactor: int(s.Replication), Config: s.Config,
		}
	}
	res, err := a.c.CreateTopics(ctx, req, ck.SetAdminOperationTimeout(left), ck.SetAdminRequestTimeout(left))
	return a.topicResults("creating topics", "creating topic", res, err)
}

func (a *Admin) topicResults(all, one string, res []ck.TopicResult, err error) (map[string]error, error) {
	if err != nil {
		return nil, a.fail(all, err)
	}
	failed := map[string]error{}
	for _, r := range res {
		if err := a.code(one+" "+r.Topic, r.Error); err != nil {
			failed[r.Topic] = err
		}
	}
	return failed, nil
}

// CreatePartitions grows topics to a number of partitions.
func (a *Admin) CreatePartitions(ctx context.Context, counts map[string]int32) (map[string]error, error) {
	ctx, done, left := a.bounded(ctx)
	defer done()
	var req []ck.PartitionsSpecification
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		req = append(req, ck.PartitionsSpecification{Topic: name, IncreaseTo: int(counts[name])})
	}
	res, err := a.c.CreatePartitions(ctx, req, ck.SetAdminOperationTimeout(left), ck.SetAdminRequestTimeout(left))
	return a.topicResults("adding partitions", "adding partitions to topic", res, err)
}

// EnsureTopic creates an internal topic unless it is there, as a Java worker does: spec.Config over
// cleanup.policy=compact, and -1 for the broker's defaults. An existing topic must have cleanup.policy=compact; purpose
// and property name the topic in errors, e.g. "offset", "offset.storage.topic".
func (a *Admin) EnsureTopic(ctx context.Context, spec client.TopicSpec, purpose, property string) (created bool, err error) {
	ctx, cancel := inTime(ctx)
	defer cancel()
	topics, err := a.Topics(ctx)
	if err != nil {
		return false, err
	}
	if _, has := topics[spec.Name]; has {
		return false, a.checkCompacted(ctx, spec.Name, purpose, property)
	}
	config := map[string]string{"cleanup.policy": "compact"}
	maps.Copy(config, spec.Config)
	spec.Config = config
	failed, err := a.CreateTopics(ctx, spec)
	if err != nil {
		return false, err
	}
	switch err := failed[spec.Name]; {
	case errors.Is(err, ErrTopicExists): // by another worker, just now
		return false, a.checkCompacted(ctx, spec.Name, purpose, property)
	case err != nil:
		return false, fmt.Errorf("the %s topic (%s=%s) can't be made%s: %w", purpose, property, spec.Name, remedy(err, spec, property), err)
	}
	return true, nil
}

// remedy says what helps against a topic that could not be created, where that is known.
func remedy(err error, spec client.TopicSpec, property string) string {
	switch {
	case errors.Is(err, client.ErrReplication):
		return fmt.Sprintf(" with %s=%d, use at most the number of brokers",
			strings.TrimSuffix(property, ".topic")+".replication.factor", spec.Replication)
	case IsAuthorization(err):
		return "; let this principal CREATE it, or make it by hand and let the principal READ, WRITE and DESCRIBE it"
	}
	return ""
}

// CheckSinglePartition tells whether an existing topic has more than the one partition that its purpose allows.
func (a *Admin) CheckSinglePartition(ctx context.Context, topic, property string) error {
	topics, err := a.Topics(ctx)
	if err != nil {
		return err
	}
	if n := topics[topic].Partitions; n > 1 {
		return fmt.Errorf("%s=%s: the topic has %d partitions; it must have a single partition, as the order of configurations counts: "+
			"name another topic, or make this one anew", property, topic, n)
	}
	return nil
}

func (a *Admin) checkCompacted(ctx context.Context, topic, purpose, property string) error {
	configs, err := a.TopicConfigs(ctx, topic)
	if err != nil {
		// Java workers go on when they may not look.
		if IsAuthorization(err) {
			return nil
		}
		return err
	}
	policy := configs[topic]["cleanup.policy"].Value
	if policy != "compact" {
		return fmt.Errorf("topic %s, given by %s, must have cleanup.policy=compact to keep %s data, but has cleanup.policy=%s: "+
			"set the topic's cleanup.policy to compact, or name another topic", topic, property, purpose, policy)
	}
	return nil
}

// TopicConfigs asks for all settings of topics. It fails when one of them may not be read.
func (a *Admin) TopicConfigs(ctx context.Context, topics ...string) (map[string]map[string]ConfigEntry, error) {
	ctx, done, left := a.bounded(ctx)
	defer done()
	req := make([]ck.ConfigResource, len(topics))
	for i, t := range topics {
		req[i] = ck.ConfigResource{Type: ck.ResourceTopic, Name: t}
	}
	res, err := a.c.DescribeConfigs(ctx, req, ck.SetAdminRequestTimeout(left))
	if err != nil {
		return nil, a.fail("reading topic settings", err)
	}
	out := make(map[string]map[string]ConfigEntry, len(res))
	for _, r := range res {
		if err := a.code("reading the settings of topic "+r.Name, r.Error); err != nil {
			return nil, err
		}
		m := make(map[string]ConfigEntry, len(r.Config))
		for name, e := range r.Config {
			m[name] = ConfigEntry{Value: e.Value, ReadOnly: e.IsReadOnly, Sensitive: e.IsSensitive, Source: client.ConfigSource(e.Source)}
		}
		out[r.Name] = m
	}
	return out, nil
}

// AlterTopicConfigs changes settings one by one, leaving others alone (IncrementalAlterConfigs).
func (a *Admin) AlterTopicConfigs(ctx context.Context, changes ...ConfigChange) (map[string]error, error) {
	ctx, done, left := a.bounded(ctx)
	defer done()
	req := make([]ck.ConfigResource, len(changes))
	for i, c := range changes {
		var es []ck.ConfigEntry
		for _, k := range slices.Sorted(maps.Keys(c.Set)) {
			es = append(es, ck.ConfigEntry{Name: k, Value: c.Set[k], IncrementalOperation: ck.AlterConfigOpTypeSet})
		}
		for _, k := range c.Delete {
			es = append(es, ck.ConfigEntry{Name: k, IncrementalOperation: ck.AlterConfigOpTypeDelete})
		}
		req[i] = ck.ConfigResource{Type: ck.ResourceTopic, Name: c.Topic, Config: es}
	}
	res, err := a.c.IncrementalAlterConfigs(ctx, req, ck.SetAdminRequestTimeout(left))
	if err != nil {
		return nil, a.fail("changing topic settings", err)
	}
	failed := map[string]error{}
	for _, r := range res {
		if err := a.code("changing the settings of topic "+r.Name, r.Error); err != nil {
			failed[r.Name] = err
		}
	}
	return failed, nil
}
