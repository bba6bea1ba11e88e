package connconf

import (
	"fmt"
	"slices"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/javaregex"
)

// The groups of the worker's own keys, as user interfaces show them.
const (
	commonGroup     = "Common"
	transformsGroup = "Transforms"
	predicatesGroup = "Predicates"
	errorGroup      = "Error Handling"
	creationGroup   = "Topic Creation"
	onceGroup       = "Exactly Once Support"
	offsetsGroup    = "offsets.topic"
)

// The names of properties with a meaning to validation.
const (
	nameKey     = "name"
	classKey    = "connector.class"
	versionKey  = "connector.plugin.version"
	keyConv     = "key.converter"
	valueConv   = "value.converter"
	headerConv  = "header.converter"
	versionTail = ".plugin.version"

	topicsKey      = "topics"
	topicsRegexKey = "topics.regex"
	dlqTopicKey    = "errors.deadletterqueue.topic.name"

	exactlyOnceKey = "exactly.once.support"
	boundaryKey    = "transaction.boundary"
	groupsKey      = "topic.creation.groups"
)

// SourceDef is what every source connector's config may hold, whatever the connector: Kafka Connect's SourceConnectorConfig.
func SourceDef() *config.Def { return sourceDef(versionOnly{}) }

// SinkDef is what every sink connector's config may hold: Kafka Connect's SinkConnectorConfig.
func SinkDef() *config.Def { return sinkDef(versionOnly{}) }

// surroundings fill in what depends on the worker and the config at hand.
type surroundings interface {
	// defaultOf gives the default of a converter, or of a *.plugin.version; nil for none.
	defaultOf(key string) any
	recommender(key string) config.Recommender
	// checkKind refuses a class of another kind.
	checkKind(name string, value any, kind Kind) error
}

func sourceDef(s surroundings) *config.Def {
	return config.New(commonKeys(s)...).Define(sourceKeys()...)
}

func sinkDef(s surroundings) *config.Def {
	return config.New(commonKeys(s)...).Define(sinkKeys()...)
}

func commonKeys(s surroundings) []config.Key {
	keys := slices.Concat(identityKeys(s), converterKeys(s), chainKeys())
	for i := range keys {
		keys[i].OrderInGroup = i + 1 // one count across groups, as in Java
	}
	return append(keys, errorKeys()...)
}

func identityKeys(s surroundings) []config.Key {
	return []config.Key{
		{
			Name: nameKey, Validator: config.NonEmptyWithoutControlChars(), Importance: config.High,
			Doc: "Name of the connector, unique in the Connect cluster.", Group: commonGroup, Width: config.WidthMedium, DisplayName: "Connector name",
		},
		{
			Name: classKey, Importance: config.High, Group: commonGroup, Width: config.WidthLong, DisplayName: "Connector class",
			Doc: "Which connector this is: its Java class name, or a short form of it. `org.apache.kafka.connect.file.FileStreamSinkConnector` " +
				"may also be written `FileStreamSinkConnector` or `FileStreamSink`.",
		},
		version(s, versionKey, "connector", config.Medium, config.WidthMedium, "Connector version"),
		{
			Name: "tasks.max", Type: config.TypeInt, Default: 1, Validator: config.AtLeast(1), Importance: config.High,
			Doc: "Most tasks among which the connector's work is divided.", Group: commonGroup, Width: config.WidthShort, DisplayName: "Tasks max",
		},
		{
			Name: "tasks.max.enforce", Type: config.TypeBoolean, Default: true, Importance: config.Low, Group: commonGroup, Width: config.WidthShort,
			DisplayName: "Enforce tasks max",
			Doc:         "Deprecated. Whether a connector that asks for more tasks than `tasks.max` fails; otherwise it gets them.",
		},
	}
}

func version(s surroundings, name, of string, importance config.Importance, width config.Width, display string) config.Key {
	return config.Key{
		Name: name, HasDefault: true, Default: s.defaultOf(name), Validator: versionSyntax(), Importance: importance,
		Doc: "Version of the " + of + " that is asked for: one, a range such as `[1.0,2.0)`, or `latest`. Plugins are compiled in, so " +
			"there is one version of each.",
		Group: commonGroup, Width: width, DisplayName: display, Recommender: s.recommender(name),
	}
}

func converterKeys(s surroundings) []config.Key {
	var keys []config.Key
	add := func(name, what, display string, kind Kind) {
		keys = append(keys, config.Key{
			Name: name, Type: config.TypeClass, HasDefault: true, Default: s.defaultOf(name),
			Validator: config.Check(fmt.Sprintf("Name of a %s class", kind.javaInterface()), func(name string, value any) error {
				return s.checkKind(name, value, kind)
			}),
			Importance: config.Low, Group: commonGroup, Width: config.WidthShort, DisplayName: display + " class",
			Doc: "Converter of " + what + " between Connect's data and the bytes in Kafka, by its Java class name or a short form of it. " +
				"Properties `" + name + ".*` are given to it without the prefix. Without it the worker's converter is used, with the worker's settings.",
			Recommender: s.recommender(name),
		}, version(s, name+versionTail, what+"' converter", config.Low, config.WidthShort, display+" version"))
	}
	add(keyConv, "record keys", "Key converter", Converter)
	add(valueConv, "record values", "Value converter", Converter)
	add(headerConv, "record headers", "Header converter", HeaderConverter)
	return keys
}

func chainKeys() []config.Key {
	return []config.Key{
		{
			Name: "transforms", Type: config.TypeList, Default: []string{}, Validator: uniqueNames("transformation aliases"), Importance: config.Low,
			Doc:   "Names, of your choice, of the transformations that each record passes, in order. `transforms.NAME.*` configures each.",
			Group: transformsGroup, Width: config.WidthLong, DisplayName: "Transforms",
		},
		{
			Name: "predicates", Type: config.TypeList, Default: []string{}, Validator: uniqueNames("predicate aliases"), Importance: config.Low,
			Doc:   "Names, of your choice, of the predicates that transformations refer to. `predicates.NAME.*` configures each.",
			Group: predicatesGroup, Width: config.WidthLong, DisplayName: "Predicates",
		},
		{
			Name: "config.action.reload", Default: "restart", Validator: config.OneOf("none", "restart"), Importance: config.Low,
			Doc:   "What happens when a value that a config provider gave is about to expire: `restart` restarts the connector, `none` nothing.",
			Group: commonGroup, Width: config.WidthMedium, DisplayName: "Reload Action",
		},
	}
}

// uniqueNames refuses a list that names something twice.
func uniqueNames(what string) config.Validator {
	return config.All(config.NonNull(), config.Check("unique "+what, func(name string, value any) error {
		list, _ := value.([]string)
		for i, s := range list {
			if slices.Contains(list[:i], s) {
				return config.Invalid(name, list, "Duplicate alias provided.")
			}
		}
		return nil
	}))
}

func errorKeys() []config.Key {
	return []config.Key{
		{
			Name: "errors.retry.timeout", Type: config.TypeLong, Default: 0, Group: errorGroup, OrderInGroup: 1, Width: config.WidthMedium,
			DisplayName: "Retry Timeout for Errors",
			Doc:         "For how many milliseconds a failed conversion, transformation or write is tried again. 0 tries once, -1 tries for ever.",
		},
		{
			Name: "errors.retry.delay.max.ms", Type: config.TypeLong, Default: 60000, Group: errorGroup, OrderInGroup: 2, Width: config.WidthMedium,
			DisplayName: "Maximum Delay Between Retries for Errors",
			Doc:         "Longest wait between such attempts; waits grow up to it and then vary at random.",
		},
		{
			Name: "errors.tolerance", Default: "none", Validator: config.OneOf("none", "all"), Group: errorGroup, OrderInGroup: 3, Width: config.WidthShort,
			DisplayName: "Error Tolerance",
			Doc:         "What becomes of a record that cannot be processed: `none` fails the task, `all` skips the record.",
		},
		{
			Name: "errors.log.enable", Type: config.TypeBoolean, Default: false, Group: errorGroup, OrderInGroup: 4, Width: config.WidthShort,
			DisplayName: "Log Errors", Doc: "Whether tolerated errors are logged too.",
		},
		{
			Name: "errors.log.include.messages", Type: config.TypeBoolean, Default: false, Group: errorGroup, OrderInGroup: 5, Width: config.WidthShort,
			DisplayName: "Log Error Details",
			Doc:         "Whether such log lines tell the record: of a sink topic, partition, offset and timestamp; of a source also its key, value and headers.",
		},
	}
}

func sinkKeys() []config.Key {
	return []config.Key{
		{
			Name: topicsKey, Type: config.TypeList, Default: []string{}, Validator: config.AnyList(true, false), Importance: config.High,
			Doc: "Topics to read, separated by commas.", Group: commonGroup, OrderInGroup: 4, Width: config.WidthLong, DisplayName: "Topics",
		},
		{
			Name: topicsRegexKey, Default: "", Validator: regex(), Importance: config.High, Group: commonGroup, OrderInGroup: 4, Width: config.WidthLong,
			DisplayName: "Topics regex",
			Doc:         "Regular expression, in Java's syntax, that matches the whole name of each topic to read. Give either this or `topics`.",
		},
		{
			Name: dlqTopicKey, Default: "", Group: errorGroup, OrderInGroup: 6, Width: config.WidthMedium, DisplayName: "Dead Letter Queue Topic Name",
			Doc: "Topic to which records go that could not be converted or transformed. Empty for none.",
		},
		{
			Name: "errors.deadletterqueue.topic.replication.factor", Type: config.TypeShort, Default: 3, Group: errorGroup, OrderInGroup: 7,
			Width: config.WidthMedium, DisplayName: "Dead Letter Queue Topic Replication Factor",
			Doc: "Replication factor of that topic where it has to be created.",
		},
		{
			Name: "errors.deadletterqueue.context.headers.enable", Type: config.TypeBoolean, Default: false, Group: errorGroup, OrderInGroup: 8,
			Width: config.WidthMedium, DisplayName: "Enable Error Context Headers",
			Doc: "Whether records there have headers, all beginning with `__connect.errors.`, that tell what went wrong.",
		},
	}
}

func sourceKeys() []config.Key {
	return []config.Key{
		{
			Name: groupsKey, Type: config.TypeList, Default: []string{}, Validator: uniqueNames("topic creation groups"), Importance: config.Low,
			Doc: "Names of groups of topics that the worker creates with settings of their own. `topic.creation.NAME.*` configures each; " +
				"`topic.creation.default.*`, which holds for all other topics, is required.",
			Group: creationGroup, OrderInGroup: 1, Width: config.WidthLong, DisplayName: "Topic Creation Groups",
		},
		{
			Name: exactlyOnceKey, Default: "requested", Validator: config.OneOfFold("requested", "required"), Group: onceGroup, OrderInGroup: 2,
			Width: config.WidthShort, DisplayName: "Exactly once support",
			Doc: "`required` refuses the configuration unless the worker and the connector can deliver exactly once; `requested` does not ask.",
		},
		{
			Name: boundaryKey, Default: "poll", Validator: config.OneOfFold("poll", "interval", "connector"), Group: onceGroup, OrderInGroup: 3,
			Width: config.WidthShort, DisplayName: "Transaction Boundary",
			Doc: "With exactly-once support, what one transaction holds: the records of one `poll`, of an `interval`, or what the `connector` says.",
		},
		{
			Name: "transaction.boundary.interval.ms", Type: config.TypeLong, HasDefault: true, Validator: atLeastZeroIfGiven(), Importance: config.Low,
			Doc:   "Length of that interval. Without it the worker's `offset.flush.interval.ms`.",
			Group: onceGroup, OrderInGroup: 4, Width: config.WidthShort, DisplayName: "Transaction boundary interval",
		},
		{
			Name: "offsets.storage.topic", HasDefault: true, Validator: config.NonEmpty(), Importance: config.Low,
			Doc:   "Topic for this connector's source offsets, created where it is absent. Without it the worker's `offset.storage.topic`.",
			Group: offsetsGroup, OrderInGroup: 1, Width: config.WidthLong, DisplayName: "Offsets topic",
		},
	}
}

func atLeastZeroIfGiven() config.Validator {
	atLeast := config.AtLeast(0)
	return config.Check(atLeast.String(), func(name string, value any) error {
		if value == nil {
			return nil
		}
		return atLeast.Validate(name, value)
	})
}

func regex() config.Validator {
	return config.Check("valid regex", func(name string, value any) error {
		text, _ := value.(string)
		if _, err := javaregex.Compile(text); err != nil {
			return config.Invalid(name, value, "Invalid regex: "+err.Error())
		}
		return nil
	})
}
