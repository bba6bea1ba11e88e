package mirror

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/connectd/connectd/connect/config"
)

// Names of MirrorCheckpoint's properties that code asks for.
const (
	propGroups          = "groups"
	propGroupsExclude   = "groups.exclude"
	propGroupFilter     = "group.filter.class"
	propEmitCheckpoints = "emit.checkpoints.enabled"
	propCheckpointsRF   = "checkpoints.topic.replication.factor"
	propTaskGroups      = "task.assigned.groups"
)

// checkpointDef declares MirrorCheckpoint's properties, in Kafka's order.
func checkpointDef() *config.Def {
	low, high := config.Low, config.High
	only := javaPackage + "DefaultGroupFilter"
	def := linkDef().Define(
		pollTimeoutKey("Longest wait for records of offset syncs, in ms. Has no effect here: they are followed as they come."),
		config.Key{Name: propGroups, Type: config.TypeList, Default: ".*", Importance: high, Doc: "Consumer groups whose positions are translated: names and regular expressions."},
		config.Key{
			Name: propGroupsExclude, Type: config.TypeList, Default: "console-consumer-.*,connect-.*,__.*", Importance: high,
			Doc: "Consumer groups to leave out: names and regular expressions. Comes before `groups`.",
		},
		config.Key{
			Name: propGroupFilter, Type: config.TypeClass, Default: only, Importance: low, Validator: knownClass(only),
			Doc: "How groups are selected; only the default, by `groups` and `groups.exclude`, is there.",
		},
	)
	def.Define(every("refresh.groups", true, 600, "Whether to look for new consumer groups now and then.")...)
	def.Define(every("emit.checkpoints", true, 60, "Whether to write checkpoints: where each group stands on both clusters.")...)
	def.Define(every("sync.group.offsets", false, 60, "Whether to commit the translated positions for the group of the same name on the target, as long as it has no members there.")...)
	return def.Define(
		config.Key{Name: propCheckpointsRF, Type: config.TypeShort, Default: int16(3), Importance: low, Doc: "Replication factor of the checkpoints topic."},
		syncsLocationKey("Cluster of the offset-syncs topic, as MirrorSource has it."),
		topicFilterKey(),
		metricNamesKey(),
	)
}

// checkpointFilterDef declares what only Kafka's topic filter declares: it is understood, but absent from answers about
// MirrorCheckpoint's properties.
var checkpointFilterDef = config.New(
	config.Key{Name: propTopics, Type: config.TypeList, Default: ".*", Importance: config.High, Doc: "Topics whose positions are translated."},
	config.Key{Name: propExclude, Type: config.TypeList, Default: `mm2.*\.internal,.*\.replica,__.*`, Importance: config.High, Doc: "Topics to leave out."},
)

// every is periodic with a default of its own.
func every(prefix string, on bool, seconds int64, doc string) []config.Key {
	keys := periodic(prefix, doc)
	keys[0].Default, keys[1].Default = on, seconds
	return keys
}

// checkpointSettings is MirrorCheckpoint's or its tasks' configuration, understood.
type checkpointSettings struct {
	link
	groups, groupsExclude pattern
	topics, topicsExclude pattern
	refreshGroups         time.Duration // 0 for never
	emit                  time.Duration // 0 for never
	sync                  time.Duration // 0 for never
	replication           int16
	syncsOnTarget         bool // the offset-syncs topic is on the target cluster
}

func parseCheckpoint(props map[string]string) (*checkpointSettings, error) {
	v, err := checkpointDef().Parse(props)
	f, ferr := checkpointFilterDef.Parse(props)
	if err := errors.Join(err, ferr); err != nil {
		return nil, err
	}
	l, err := linkOf(v)
	if err != nil {
		return nil, err
	}
	s := &checkpointSettings{
		link:          l,
		refreshGroups: interval(v, "refresh.groups"),
		emit:          interval(v, "emit.checkpoints"),
		sync:          interval(v, "sync.group.offsets"),
		replication:   int16(v.Int(propCheckpointsRF)),
		syncsOnTarget: v.String(propSyncsLocation) == "target",
	}
	var errs [4]error
	s.groups, errs[0] = compile(propGroups, v.List(propGroups))
	s.groupsExclude, errs[1] = compile(propGroupsExclude, v.List(propGroupsExclude))
	s.topics, errs[2] = compile(propTopics, f.List(propTopics))
	s.topicsExclude, errs[3] = compile(propExclude, f.List(propExclude))
	return s, errors.Join(errs[:]...)
}

// asTask has clients named after the task, too, as Java's are.
func (s *checkpointSettings) asTask() {
	if index := s.props[propTaskIndex]; index != "" {
		s.name += "-" + index
	}
}

// selectsGroup tells whether the positions of a group of the source are asked for.
func (s *checkpointSettings) selectsGroup(group string) (bool, error) {
	return selects(s.groups, s.groupsExclude, group)
}

// listable tells whether a group can be translated: task configs list groups with commas between them, which a name must
// survive.
func listable(group string) bool {
	return group != "" && !strings.Contains(group, ",") && strings.TrimSpace(group) == group
}

// wantsTopic tells whether positions in a topic of the source are translated.
func (s *checkpointSettings) wantsTopic(topic string) (bool, error) {
	return selects(s.topics, s.topicsExclude, topic)
}

// downstream is the name under which consumers of a source topic find it on the target: a topic that came from there has
// its own name again.
func (s *checkpointSettings) downstream(topic string) string {
	if alias, ok := s.policy.origin(topic); ok && alias == s.target {
		return s.policy.original(topic)
	}
	return s.remote(topic)
}

// syncsSide tells on which cluster offset syncs are kept, and the alias that their topic's name has.
func (s *checkpointSettings) syncsSide() (side, alias string) {
	if s.syncsOnTarget {
		return "target", s.source
	}
	return "source", s.target
}

// taskGroups reads task.assigned.groups.
func taskGroups(props map[string]string) []string {
	var groups []string
	for g := range strings.SplitSeq(props[propTaskGroups], ",") {
		if g = strings.TrimSpace(g); g != "" {
			groups = append(groups, g)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}
