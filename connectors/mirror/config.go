package mirror

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

// Names of properties that code asks for.
const (
	propSourceAlias   = "source.cluster.alias"
	propTargetAlias   = "target.cluster.alias"
	propPolicy        = "replication.policy.class"
	propSeparator     = "replication.policy.separator"
	propInternalSep   = "replication.policy.internal.topic.separator.enabled"
	propTopics        = "topics"
	propExclude       = "topics.exclude"
	propConfigExclude = "config.properties.exclude"
	propTopicFilter   = "topic.filter.class"
	propConfigFilter  = "config.property.filter.class"
	propPollTimeout   = "consumer.poll.timeout.ms"
	propReplication   = "replication.factor"
	propDefaultsFrom  = "use.defaults.from"
	propEmitSyncs     = "emit.offset-syncs.enabled"
	propSyncsLocation = "offset-syncs.topic.location"
	propAdminTimeout  = "admin.timeout.ms"
	propExactlyOnce   = "exactly.once.support"

	replicationSource = "source"
)

// linkDef declares the properties that all three connectors share, as Kafka 4.3 does; those of every source connector are
// the worker's.
func linkDef() *config.Def {
	low, high := config.Low, config.High
	def := config.New(
		config.Key{Name: "enabled", Type: config.TypeBoolean, Default: true, Importance: low, Doc: "Whether anything is copied."},
		config.Key{Name: propSourceAlias, Importance: high, Doc: "Alias of the source cluster: part of source offsets, and under the default policy of topic names on the target."},
		config.Key{Name: propTargetAlias, Default: "target", Importance: high, Doc: "Alias of the target cluster: topics that came from it are not copied back."},
		config.Key{Name: propAdminTimeout, Type: config.TypeLong, Default: int64(60000), Importance: low, Doc: "Time for an administrative task, such as looking for new topics, in ms."},
		config.Key{
			Name: propPolicy, Type: config.TypeClass, Default: defaultPolicyClass, Importance: low, Validator: knownClass(defaultPolicyClass, identityPolicyClass),
			Doc: "How topics are named on the target: `" + defaultPolicyClass + "` puts the source's alias before the name, `" + identityPolicyClass + "` keeps it.",
		},
		config.Key{Name: propSeparator, Default: ".", Importance: low, Doc: "What stands between alias and topic in names on the target."},
		config.Key{Name: propInternalSep, Type: config.TypeBoolean, Default: true, Importance: low, Doc: "Whether the separator is used in the names of checkpoint and offset-sync topics too; `false` uses `.` there, as older releases did."},
		config.Key{Name: "forwarding.admin.class", Type: config.TypeClass, Default: "org.apache.kafka.clients.admin.ForwardingAdmin", Importance: low, Doc: "Java class. Has no effect here."},
		config.Key{Name: "metric.reporters", Type: config.TypeList, Default: "org.apache.kafka.common.metrics.JmxReporter", Importance: low, Doc: "Java classes. Has no effect here."},
		config.Key{Name: "security.protocol", Default: "PLAINTEXT", Importance: config.Medium, Validator: config.OneOfFold("SASL_SSL", "PLAINTEXT", "SSL", "SASL_PLAINTEXT"), Doc: "Not used by itself: clients take `source.cluster.security.protocol` and `target.cluster.security.protocol`."},
	)
	def.Define(config.Key{Name: "config.providers", Type: config.TypeList, Default: "", Importance: low, Doc: "Not used by connectors: the worker's providers resolve variables."})
	return def.Define(config.ClientSSLKeys()...).Define(config.ClientSASLKeys()...)
}

// sourceDef declares MirrorSource's properties, in Kafka's order.
func sourceDef() *config.Def {
	low, high := config.Low, config.High
	def := linkDef().Define(
		config.Key{Name: propTopics, Type: config.TypeList, Default: ".*", Importance: high, Doc: "Topics to copy: names and regular expressions."},
		config.Key{Name: propExclude, Type: config.TypeList, Default: `mm2.*\.internal,.*\.replica,__.*`, Importance: high, Doc: "Topics not to copy: names and regular expressions. Comes before `topics`."},
		config.Key{
			Name: propConfigExclude, Type: config.TypeList, Importance: high, Doc: "Topic settings not to copy: names and regular expressions.",
			Default: "follower.replication.throttled.replicas,leader.replication.throttled.replicas,message.timestamp.difference.max.ms," +
				"log.message.timestamp.before.max.ms,log.message.timestamp.after.max.ms,message.timestamp.type,unclean.leader.election.enable,min.insync.replicas",
		},
		topicFilterKey(),
		config.Key{Name: propConfigFilter, Type: config.TypeClass, Default: javaPackage + "DefaultConfigPropertyFilter", Importance: low, Validator: knownClass(javaPackage + "DefaultConfigPropertyFilter"), Doc: "How topic settings are selected; only the default, by `config.properties.exclude`, is there."},
		pollTimeoutKey("Longest wait for records of the source, in ms."),
	)
	def.Define(periodic("refresh.topics", "Whether to look for new topics and partitions now and then.")...)
	def.Define(periodic("sync.topic.configs", "Whether to keep the settings of copied topics like those of their source.")...)
	def.Define(periodic("sync.topic.acls", "Whether to copy the ACLs of topics: who may read them and look at them.")...)
	return def.Define(
		config.Key{
			Name: propReplication, Default: "2", Importance: low, Validator: config.Check("a number, or \"source\"", checkReplication),
			Doc: "Replication factor of topics that are made on the target: a number, -1 for the brokers' default, or `source` for the source topic's own, at most the target's number of brokers.",
		},
		config.Key{Name: propSyncsRF, Type: config.TypeShort, Default: int16(3), Importance: low, Doc: "Replication factor of the offset-syncs topic, and of the topic of pieces beside it."},
		config.Key{Name: propLagMax, Type: config.TypeLong, Default: int64(100), Importance: low, Doc: "How many records a position may be translated too early by the last offset sync before another one is written. Pieces are exact whatever this says."},
		syncsLocationKey("Cluster of the offset-syncs topic, and of the topic of pieces beside it."),
		config.Key{Name: propEmitSyncs, Type: config.TypeBoolean, Default: true, Importance: low, Doc: "Whether to write offset syncs and pieces, from which checkpoints are made."},
		config.Key{Name: "heartbeats.replication.enabled", Type: config.TypeBoolean, Default: true, Importance: low, Doc: "Whether heartbeats topics are copied even when `topics` does not include them."},
		metricNamesKey(),
	)
}

// Keys that more than one connector declares, each in a place of its own.

func topicFilterKey() config.Key {
	only := javaPackage + "DefaultTopicFilter"
	return config.Key{
		Name: propTopicFilter, Type: config.TypeClass, Default: only, Importance: config.Low, Validator: knownClass(only),
		Doc: "How topics are selected; only the default, by `topics` and `topics.exclude`, is there.",
	}
}

func pollTimeoutKey(doc string) config.Key {
	return config.Key{Name: propPollTimeout, Type: config.TypeLong, Default: int64(1000), Importance: config.Low, Doc: doc}
}

func syncsLocationKey(doc string) config.Key {
	return config.Key{Name: propSyncsLocation, Default: "source", Importance: config.Low, Validator: config.OneOf("source", "target"), Doc: doc}
}

func metricNamesKey() config.Key {
	return config.Key{
		Name: "metric.names.formats", Type: config.TypeList, Default: "legacy", Importance: config.Low, Validator: config.ListOf(false, "legacy", "new"),
		Doc: "Names of Java's metrics. Has no effect here.",
	}
}

// filterDef declares what only Kafka's filter classes declare: it is understood, but absent from answers about
// MirrorSource's properties.
var filterDef = config.New(config.Key{
	Name: propDefaultsFrom, Default: "target",
	Doc: "Whose defaults hold for topic settings that are default on the source: those of `target`, or of `source`.",
})

func periodic(prefix, doc string) []config.Key {
	return []config.Key{
		{Name: prefix + ".enabled", Type: config.TypeBoolean, Default: true, Importance: config.Low, Doc: doc},
		{Name: prefix + ".interval.seconds", Type: config.TypeLong, Default: int64(600), Importance: config.Low, Doc: "How often, in seconds."},
	}
}

// knownClass allows the classes that are there.
func knownClass(classes ...string) config.Validator {
	return config.Check(strings.Join(classes, ", "), func(name string, value any) error {
		if class(value) == "" || slices.Contains(classes, class(value)) {
			return nil
		}
		return config.Invalid(name, value, "there is only "+strings.Join(classes, ", "))
	})
}

func class(value any) string {
	c, _ := value.(config.Class)
	return string(c)
}

func checkReplication(name string, value any) error {
	s, _ := value.(string)
	n, err := strconv.ParseInt(s, 10, 16)
	if s == replicationSource || err == nil && (n == -1 || n > 0) {
		return nil
	}
	return config.Invalid(name, value, "must be a number from 1 to "+strconv.Itoa(math.MaxInt16)+", -1 for the brokers' default, or \"source\"")
}

// link is what the configurations of all three connectors and their tasks share, understood.
type link struct {
	props          map[string]string
	enabled        bool
	name           string
	source, target string // aliases
	policy         policy
	adminTimeout   time.Duration
}

// linkOf understands the properties of linkDef.
func linkOf(v config.Values) (link, error) {
	l := link{
		props: v.Originals(), enabled: v.Bool("enabled"), name: v.Originals()["name"],
		source: v.String(propSourceAlias), target: v.String(propTargetAlias),
		adminTimeout: v.Duration(propAdminTimeout),
	}
	l.policy = policy{identity: v.Class(propPolicy) == identityPolicyClass, source: l.source, separator: v.String(propSeparator)}
	l.policy.internalSeparator = l.policy.separator
	if !v.Bool(propInternalSep) {
		l.policy.internalSeparator = "."
	}
	if l.policy.separator == "" {
		return l, config.Invalid(propSeparator, "", "must not be empty")
	}
	return l, nil
}

// settings is MirrorSource's or its tasks' configuration, understood.
type settings struct {
	link
	filter        filter
	configs       configFilter
	replication   string
	pollTimeout   time.Duration
	refreshTopics time.Duration // 0 for never
	syncConfigs   time.Duration // 0 for never
	syncACLs      time.Duration // 0 for never
	life          life
	syncs         syncSettings
}

func parse(props map[string]string) (*settings, error) {
	v, err := sourceDef().Parse(props)
	f, ferr := filterDef.Parse(props)
	if err := errors.Join(err, ferr); err != nil {
		return nil, err
	}
	l, err := linkOf(v)
	if err != nil {
		return nil, err
	}
	s := &settings{
		link:        l,
		replication: v.String(propReplication),
		pollTimeout: v.Duration(propPollTimeout),
		syncs:       parseSyncs(v),
	}
	s.refreshTopics = interval(v, "refresh.topics")
	s.syncConfigs = interval(v, "sync.topic.configs")
	s.syncACLs = interval(v, "sync.topic.acls")
	s.filter = filter{policy: s.policy, target: s.target, heartbeats: v.Bool("heartbeats.replication.enabled")}
	s.configs = configFilter{sourceDefaults: f.String(propDefaultsFrom) == "source"}
	var e1, e2, e3, e4 error
	s.life, e4 = parseLife(props)
	s.filter.include, e1 = compile(propTopics, v.List(propTopics))
	s.filter.exclude, e2 = compile(propExclude, v.List(propExclude))
	s.configs.exclude, e3 = compile(propConfigExclude, v.List(propConfigExclude))
	return s, errors.Join(e1, e2, e3, e4)
}

func interval(v config.Values, prefix string) time.Duration {
	if !v.Bool(prefix + ".enabled") {
		return 0
	}
	const most = math.MaxInt64 / int64(time.Second)
	return time.Duration(min(max(1, v.Int64(prefix+".interval.seconds")), most)) * time.Second
}

// watchTopics is how often the source's topics are looked at between refreshes, 0 for never.
func (s *settings) watchTopics() time.Duration {
	if s.refreshTopics == 0 {
		return 0
	}
	return s.life.watch
}

// remote is a topic's name on the target.
func (l *link) remote(topic string) string { return l.policy.remote(l.source, topic) }

// partition is the source partition under which offsets are stored: the fields in the order in which Java writes them.
func (l *link) partition(tp connect.TopicPartition) connect.Entries {
	return connect.Entries{
		{Key: "cluster", Value: l.source},
		{Key: "partition", Value: int64(tp.Partition)},
		{Key: "topic", Value: tp.Topic},
	}
}
