package mirror

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/connectd/connectd/connect/config"
)

// Properties that Kafka's mirrors do not have.
const (
	propWatch           = "refresh.topics.watch.ms"
	propRecreated       = "source.topic.recreated"
	propPartitionErrors = "partition.errors"
	propFailAfter       = "partition.errors.fail.after.ms"
	propThrottle        = "throttle.bytes.per.second"
	propThrottleTopics  = "throttle.topic.bytes.per.second"
	propMemory          = "copy.memory.bytes"

	waitForOperator = "wait"
	restartTopic    = "restart"
	parkPartition   = "park"
	failTask        = "fail"
)

// lifeDef declares what concerns the life of topics and partitions. The keys are absent from answers about MirrorSource's
// properties unless they are given and wrong.
func lifeDef() *config.Def {
	low := config.Low
	return config.New(
		config.Key{
			Name: propWatch, Type: config.TypeLong, Default: int64(5000), Importance: low, Validator: config.AtLeast(int64(0)),
			Doc: "How often to look whether topics or partitions of the source have come, gone or been made anew, in ms, so that they are copied before the next refresh. 0 for not at all. Without effect if `refresh.topics.enabled` is `false`.",
		},
		config.Key{
			Name: propRecreated, Default: waitForOperator, Importance: low, Validator: config.OneOf(waitForOperator, restartTopic),
			Doc: "What to do about a source topic that was deleted and made anew: `wait` with its partitions until somebody decides, or `restart` from the beginning of the new topic, whose records are then added to those of the old one.",
		},
		config.Key{
			Name: propPartitionErrors, Default: parkPartition, Importance: low, Validator: config.OneOf(parkPartition, failTask),
			Doc: "What a partition that cannot go on does to its task: `park` lets it wait alone, tries again now and then and says so in the task's status; `fail` fails the task.",
		},
		config.Key{
			Name: propFailAfter, Type: config.TypeLong, Default: int64(-1), Importance: low, Validator: config.AtLeast(int64(-1)),
			Doc: "For how long a partition may wait before its task fails, in ms; -1 for ever.",
		},
		config.Key{
			Name: propMemory, Type: config.TypeLong, Default: int64(defaultMemory), Importance: low, Validator: config.AtLeast(int64(leastMemory)),
			Doc: "How many bytes of record batches a task may hold that were fetched and are not yet written to the target: while there are as many, nothing more is fetched. A batch that is larger by itself is copied all the same. Without effect where records are copied one by one.",
		},
		config.Key{
			Name: propThrottle, Type: config.TypeLong, Default: int64(-1), Importance: low, Validator: config.AtLeast(int64(-1)),
			Doc: "How many bytes (keys, values and headers) all tasks together copy in a second at most; -1 for no limit. Takes effect in running tasks.",
		},
		config.Key{
			Name: propThrottleTopics, Type: config.TypeList, Default: "", Importance: low,
			Validator: config.Check("a list of pattern=bytes", func(name string, v any) error {
				list, _ := v.([]string)
				_, err := topicLimits(name, list)
				return err
			}),
			Doc: "The same for single topics: a list of `pattern=bytes`, of which the first counts whose name or regular expression is the source topic's. Takes effect in running tasks.",
		},
	)
}

// isLive tells properties that running tasks take over.
func isLive(property string) bool { return property == propThrottle || property == propThrottleTopics }

// life is what lifeDef's properties say.
type life struct {
	watch     time.Duration // 0 for not at all
	restart   bool          // begin topics that were made anew at their beginning
	fail      bool          // fail the task for one partition
	failAfter time.Duration // 0 for never
	limits    limits
	memory    int64 // bytes
}

// What a task may hold of batches, in bytes.
const (
	defaultMemory = 24 << 20
	leastMemory   = 1 << 20
)

func parseLife(props map[string]string) (life, error) {
	v, err := lifeDef().Parse(props)
	if err != nil {
		return life{}, err
	}
	l := life{
		watch: v.Duration(propWatch), restart: v.String(propRecreated) == restartTopic,
		fail: v.String(propPartitionErrors) == failTask, memory: v.Int64(propMemory),
	}
	if ms := v.Int64(propFailAfter); ms >= 0 {
		const most = math.MaxInt64 / int64(time.Millisecond)
		l.failAfter = max(1, time.Duration(min(ms, most))*time.Millisecond)
	}
	l.limits, err = limitsOf(v)
	return l, err
}

// limits is how fast things may be copied, in bytes per second.
type limits struct {
	link   float64 // below 0 for no limit
	topics []topicLimit
}

type topicLimit struct {
	topic pattern
	bytes float64
}

// parseLimits reads the properties that may change while tasks run.
func parseLimits(props map[string]string) (limits, error) {
	v, err := lifeDef().Parse(props)
	if err != nil {
		return limits{}, err
	}
	return limitsOf(v)
}

func limitsOf(v config.Values) (limits, error) {
	topics, err := topicLimits(propThrottleTopics, v.List(propThrottleTopics))
	return limits{link: float64(v.Int64(propThrottle)), topics: topics}, err
}

// topicLimits reads a list of pattern=bytes.
func topicLimits(property string, list []string) ([]topicLimit, error) {
	var out []topicLimit
	var errs []error
	for _, s := range list {
		i := strings.LastIndexByte(s, '=')
		n, err := strconv.ParseInt(strings.TrimSpace(s[i+1:]), 10, 64)
		if i <= 0 || err != nil || n < 0 {
			errs = append(errs, config.Invalid(property, s, "must be a topic or a regular expression, =, and a number of bytes per second, as in `orders.*=1000000`"))
			continue
		}
		p, err := compile(property, []string{strings.TrimSpace(s[:i])})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, topicLimit{topic: p, bytes: float64(n)})
	}
	return out, errors.Join(errs...)
}

// of gives the limit of a topic, below 0 for none. Where a pattern can't be matched, which the error tells, its limit is
// taken.
func (l limits) of(topic string) (float64, error) {
	for _, t := range l.topics {
		if yes, err := t.topic.matches(topic); yes || err != nil {
			return t.bytes, err
		}
	}
	return -1, nil
}

// checkOwn adds the errors of a definition's properties to values; properties that are right stay out of the answer.
func checkOwn(def *config.Def, props map[string]string, values []config.Value) []config.Value {
	for _, v := range def.Validate(props) {
		if _, given := props[v.Name]; given && len(v.Errors) > 0 {
			values = append(values, v)
		}
	}
	return values
}

// plural is "1 partition", "2 partitions".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
