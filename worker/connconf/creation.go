package connconf

import (
	"slices"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/javaregex"
)

const (
	creationPrefix = "topic.creation."
	defaultGroup   = "default"
)

// WithTopicCreation returns def with the keys of a source connector's topic creation groups (KIP-158): those of the
// default group, and of each group that props names, whose partitions and replication factor default to the default
// group's. The error tells what of the default group is missing or wrong. Validation of a config does not look at these
// keys, in Java as here: a task that cannot use them fails.
func WithTopicCreation(def *config.Def, props map[string]string) (*config.Def, error) {
	out := def.Clone()
	if err := out.Embed(creationPrefix+defaultGroup+".", defaultGroup, 0, creationDef(defaultGroup, nil, nil)); err != nil {
		return nil, err
	}
	own := config.New()
	if err := own.Embed(creationPrefix+defaultGroup+".", defaultGroup, 0, creationDef(defaultGroup, nil, nil)); err != nil {
		return nil, err
	}
	defaults, err := own.Parse(props)
	if err != nil {
		return nil, err
	}
	replication, _ := defaults.Get(creationPrefix + "default.replication.factor")
	partitions, _ := defaults.Get(creationPrefix + "default.partitions")
	var seen []string
	for _, name := range listOf(props[groupsKey]) {
		if name == defaultGroup || slices.Contains(seen, name) {
			continue
		}
		seen = append(seen, name)
		group := creationGroup + ": " + name
		if err := out.Embed(creationPrefix+name+".", group, 0, creationDef(group, replication, partitions)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// TopicCreationDef is what a group of topics may set, with Java's names below `topic.creation.NAME.`.
func TopicCreationDef() *config.Def { return creationDef(creationGroup, int16(-1), int32(-1)) }

// creationDef declares a group's keys; the default group's have no defaults for the two numbers.
func creationDef(group string, replication, partitions any) *config.Def {
	include, patterns := "", regexList()
	if group == defaultGroup {
		include, patterns = ".*", config.NonNull()
	}
	return config.New(
		config.Key{
			Name: "include", Type: config.TypeList, Default: include, Validator: patterns, Importance: config.Low,
			Doc:   "Regular expressions, separated by commas, that match the names of the group's topics. The first group that matches counts.",
			Group: group, OrderInGroup: 1, Width: config.WidthLong, DisplayName: "Inclusion Topic Pattern for " + group,
		},
		config.Key{
			Name: "exclude", Type: config.TypeList, Default: "", Validator: patterns, Importance: config.Low,
			Doc:   "Regular expressions that match names of topics that do not belong to the group, even though `include` matches.",
			Group: group, OrderInGroup: 2, Width: config.WidthLong, DisplayName: "Exclusion Topic Pattern for " + group,
		},
		config.Key{
			Name: "replication.factor", Type: config.TypeShort, Default: replication, DefaultText: "that of the default group", Importance: config.Low,
			Validator: countOrBroker[int16]("Positive number not larger than the number of brokers in the Kafka cluster, or -1 to use the broker's default",
				"Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use the broker's default"),
			Doc:   "Replication factor of new topics, -1 for the broker's default. Required in the default group, from which the others take it.",
			Group: group, OrderInGroup: 3, Width: config.WidthLong, DisplayName: "Replication Factor for Topics in " + group,
		},
		config.Key{
			Name: "partitions", Type: config.TypeInt, Default: partitions, DefaultText: "that of the default group", Importance: config.Low,
			Validator: countOrBroker[int32]("Positive number, or -1 to use the broker's default",
				"Number of partitions must be positive, or -1 to use the broker's default"),
			Doc:   "Number of partitions of new topics, -1 for the broker's default. Required in the default group, from which the others take it.",
			Group: group, OrderInGroup: 4, Width: config.WidthLong, DisplayName: "Partition Count for Topics in " + group,
		},
	)
}

func countOrBroker[N int16 | int32](description, complaint string) config.Validator {
	return config.Check(description, func(name string, value any) error {
		if n, ok := value.(N); ok && n != -1 && n < 1 {
			return config.Invalid(name, value, complaint)
		}
		return nil
	})
}

func regexList() config.Validator {
	return config.Check("Regular expressions", func(name string, value any) error {
		list, _ := value.([]string)
		for _, text := range list {
			if _, err := javaregex.Compile(text); err != nil {
				return config.Invalid(name, value, "Syntax error in regular expression: "+err.Error())
			}
		}
		return nil
	})
}

// listOf splits a list property as config does.
func listOf(text string) []string {
	list, _ := config.ParseType("", text, config.TypeList)
	names, _ := list.([]string)
	return names
}
