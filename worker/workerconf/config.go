package workerconf

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/javaprops"
)

// Protocol says which group protocols a worker offers (connect.protocol).
type Protocol string

// Each includes those before it: a sessioned worker also offers compatible and eager.
const (
	ProtocolEager      Protocol = "eager"
	ProtocolCompatible Protocol = "compatible"
	ProtocolSessioned  Protocol = "sessioned"
)

// ExactlyOnce is exactly.once.source.support.
type ExactlyOnce string

// In the states other than disabled the leader writes to the config topic in transactions.
const (
	ExactlyOnceDisabled  ExactlyOnce = "disabled"
	ExactlyOncePreparing ExactlyOnce = "preparing"
	ExactlyOnceEnabled   ExactlyOnce = "enabled"
)

// Enabled tells whether source tasks write in transactions.
func (e ExactlyOnce) Enabled() bool { return e == ExactlyOnceEnabled }

// TransactionalLeader tells whether the leader writes to the config topic in transactions, so that a deposed one is
// fenced out.
func (e ExactlyOnce) TransactionalLeader() bool {
	return e == ExactlyOncePreparing || e == ExactlyOnceEnabled
}

// Config is a worker's configuration, checked. All of it is read-only.
type Config struct {
	BootstrapServers []string
	ClientID         string // empty: not given

	GroupID                    string
	SessionTimeout             time.Duration
	HeartbeatInterval          time.Duration
	RebalanceTimeout           time.Duration
	ScheduledRebalanceMaxDelay time.Duration
	WorkerSyncTimeout          time.Duration
	WorkerUnsyncBackoff        time.Duration
	Protocol                   Protocol
	ExactlyOnce                ExactlyOnce
	SessionKeys                SessionKeys

	ConfigTopic StorageTopic
	OffsetTopic StorageTopic
	StatusTopic StorageTopic

	OffsetFlushInterval         time.Duration
	OffsetFlushTimeout          time.Duration
	TaskShutdownGracefulTimeout time.Duration

	KeyConverter    Converter
	ValueConverter  Converter
	HeaderConverter Converter

	TopicCreationEnable     bool
	TopicTrackingEnable     bool
	TopicTrackingAllowReset bool

	// ClientOverridePolicy is All, None, Principal or Allowlist; the last goes by ClientOverrideAllowlist.
	ClientOverridePolicy    string
	ClientOverrideAllowlist []string

	MetadataMaxAge time.Duration
	PluginPath     []string
	REST           REST

	// Values holds every declared property, for those that have no field.
	Values config.Values
	// Raw is what was parsed, undeclared properties included. It holds secrets: never print it.
	Raw map[string]string
}

// SessionKeys says how requests between workers are signed (KIP-507).
type SessionKeys struct {
	KeyAlgorithm           string // what is written to the config topic as the key's algorithm
	KeyBits                int
	KeyTTL                 time.Duration
	SignatureAlgorithm     string
	VerificationAlgorithms []string
}

// StorageTopic is one of the three internal topics. Partitions and ReplicationFactor are -1 for the broker's default.
type StorageTopic struct {
	Name              string
	Partitions        int
	ReplicationFactor int
	// Settings are further topic settings for creation; cleanup.policy is never among them, as it is always compact.
	Settings map[string]string
}

// Converter is a converter's class and the settings it gets, without prefix.
type Converter struct {
	Class    string
	Settings map[string]string
}

// Warning is something that the operator should know but that does not keep the worker from starting.
type Warning struct {
	Property string
	Text     string // a whole sentence that names the property
}

// String returns the sentence.
func (w Warning) String() string { return w.Text }

// ParseProperties reads a worker file: Java's .properties syntax, ISO-8859-1 with \u escapes as Java's
// Properties.load reads it. References to other properties are not expanded.
func ParseProperties(data []byte) (map[string]string, error) { return javaprops.ParseLatin1(data) }

// Option adds knowledge that this pure room does not have.
type Option func(*options)

type options struct {
	knownConverter func(class string) bool
}

// WithConverters makes Parse refuse converters whose class is not known.
func WithConverters(known func(class string) bool) Option {
	return func(o *options) { o.knownConverter = known }
}

// Parse checks the properties of a distributed worker and gives them types. References to config providers must have
// been resolved. The error joins every fault found, each naming property, value and what is allowed, so that all can be
// mended in one go; warnings come even then. Secrets are in neither.
func Parse(props map[string]string, opts ...Option) (*Config, []Warning, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	raw := maps.Clone(props)
	if raw == nil {
		raw = map[string]string{}
	}
	values, err := Def().Parse(raw)
	p := parser{values: values, raw: raw, errs: config.Errors(err)}
	c := p.config()
	p.check(c)
	p.checkConverters(c, o.knownConverter)
	p.warn()
	if len(p.errs) > 0 {
		errs := make([]error, len(p.errs))
		for i, e := range p.errs {
			errs[i] = e
		}
		return nil, p.warnings, errors.Join(errs...)
	}
	return c, p.warnings, nil
}

// parser gathers what is wrong and what is odd. Values that could not be parsed are zero; checks ask sound first.
type parser struct {
	values   config.Values
	raw      map[string]string
	errs     []*config.Error
	warnings []Warning
}

func (p *parser) fail(e *config.Error) { p.errs = append(p.errs, e) }

func (p *parser) warnf(property, format string, args ...any) {
	p.warnings = append(p.warnings, Warning{property, fmt.Sprintf(format, args...)})
}

// sound tells whether all the properties could be parsed.
func (p *parser) sound(names ...string) bool {
	for _, name := range names {
		if _, ok := p.values.Get(name); !ok {
			return false
		}
	}
	return true
}

func (p *parser) config() *Config {
	v := p.values
	return &Config{
		BootstrapServers:            v.List("bootstrap.servers"),
		ClientID:                    v.String("client.id"),
		GroupID:                     v.String("group.id"),
		SessionTimeout:              v.Duration("session.timeout.ms"),
		HeartbeatInterval:           v.Duration("heartbeat.interval.ms"),
		RebalanceTimeout:            v.Duration("rebalance.timeout.ms"),
		ScheduledRebalanceMaxDelay:  v.Duration("scheduled.rebalance.max.delay.ms"),
		WorkerSyncTimeout:           v.Duration("worker.sync.timeout.ms"),
		WorkerUnsyncBackoff:         v.Duration("worker.unsync.backoff.ms"),
		Protocol:                    protocols()[strings.ToLower(v.String("connect.protocol"))],
		ExactlyOnce:                 ExactlyOnce(strings.ToLower(v.String("exactly.once.source.support"))),
		SessionKeys:                 p.sessionKeys(),
		ConfigTopic:                 p.storageTopic(configStoragePrefix),
		OffsetTopic:                 p.storageTopic(offsetStoragePrefix),
		StatusTopic:                 p.storageTopic(statusStoragePrefix),
		OffsetFlushInterval:         v.Duration("offset.flush.interval.ms"),
		OffsetFlushTimeout:          v.Duration("offset.flush.timeout.ms"),
		TaskShutdownGracefulTimeout: v.Duration("task.shutdown.graceful.timeout.ms"),
		KeyConverter:                p.converter("key.converter"),
		ValueConverter:              p.converter("value.converter"),
		HeaderConverter:             p.converter("header.converter"),
		TopicCreationEnable:         v.Bool("topic.creation.enable"),
		TopicTrackingEnable:         v.Bool("topic.tracking.enable"),
		TopicTrackingAllowReset:     v.Bool("topic.tracking.allow.reset"),
		ClientOverridePolicy:        overridePolicy(v.String(policyKey)),
		ClientOverrideAllowlist:     p.allowlist(),
		MetadataMaxAge:              v.Duration("metadata.max.age.ms"),
		PluginPath:                  v.List("plugin.path"),
		REST:                        p.rest(),
		Values:                      v,
		Raw:                         p.raw,
	}
}

func (p *parser) sessionKeys() SessionKeys {
	v := p.values
	bits, _ := KeyBits(v.String("inter.worker.key.generation.algorithm"), v.Int("inter.worker.key.size"))
	return SessionKeys{
		KeyAlgorithm:           v.String("inter.worker.key.generation.algorithm"),
		KeyBits:                bits,
		KeyTTL:                 v.Duration("inter.worker.key.ttl.ms"),
		SignatureAlgorithm:     v.String("inter.worker.signature.algorithm"),
		VerificationAlgorithms: v.List("inter.worker.verification.algorithms"),
	}
}

func (p *parser) storageTopic(prefix string) StorageTopic {
	t := StorageTopic{
		Name:              p.values.String(prefix + "topic"),
		Partitions:        1,
		ReplicationFactor: p.values.Int(prefix + "replication.factor"),
		Settings:          config.WithPrefix(p.raw, prefix),
	}
	if prefix != configStoragePrefix {
		t.Partitions = p.values.Int(prefix + "partitions")
	}
	for _, own := range []string{"topic", "partitions", "replication.factor", "cleanup.policy"} {
		delete(t.Settings, own)
	}
	return t
}

func (p *parser) converter(name string) Converter {
	return Converter{Class: string(p.values.Class(name)), Settings: config.WithPrefix(p.raw, name+".")}
}

const (
	policyKey    = "connector.client.config.override.policy"
	allowlistKey = "connector.client.config.override.allowlist"
)

func (p *parser) allowlist() []string {
	list, _ := config.ParseType(allowlistKey, p.raw[allowlistKey], config.TypeList)
	return list.([]string)
}

// overridePolicy turns what names a policy (its Java class, whole or simple, or its alias) into the alias, or "".
func overridePolicy(given string) string {
	name := strings.TrimPrefix(given, "org.apache.kafka.connect.connector.policy.")
	name = strings.TrimSuffix(name, "ConnectorClientConfigOverridePolicy")
	for _, alias := range []string{"All", "None", "Principal", "Allowlist"} {
		if name == alias {
			return alias
		}
	}
	return ""
}

// WithPrefix returns the properties under a prefix such as "producer.", without it.
func (c *Config) WithPrefix(prefix string) map[string]string { return config.WithPrefix(c.Raw, prefix) }

// ClientProps returns what was given for the worker's own Kafka clients: everything at the top of the file that is not
// Connect's. As in Java one set serves producer, consumer and admin; each takes what it knows.
func (c *Config) ClientProps() map[string]string {
	props := map[string]string{}
	for name, value := range c.Raw {
		if isClientProperty(name) {
			props[name] = value
		}
	}
	return props
}

// Format keeps the raw properties, secrets included, out of whatever prints the Config; see Values.Lines for a log.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "workerconf.Config(group %s)", c.GroupID)
}
