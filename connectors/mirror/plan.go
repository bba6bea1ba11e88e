package mirror

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/client"
)

// Properties of task configs.
const (
	propPartitions = "task.assigned.partitions"
	propTaskIndex  = "task.index"

	// What Kafka's mirrors do not have: topics that were made anew while the connector ran, with their ids.
	propMadeAnew = "task.topics.made.anew"
)

// taskProps are the connector's properties without those that running tasks take over.
func taskProps(props map[string]string) map[string]string {
	out := maps.Clone(props)
	maps.DeleteFunc(out, func(name, _ string) bool { return isLive(name) })
	return out
}

// partitionsOf lists all partitions of topics, in order of name and number, so that the same topics always make the same
// task configs.
func partitionsOf(topics map[string]client.Topic) []connect.TopicPartition {
	var tps []connect.TopicPartition
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		for p := range topics[name].Partitions {
			tps = append(tps, connect.TopicPartition{Topic: name, Partition: p})
		}
	}
	return tps
}

// divide deals partitions out to at most maxTasks tasks, one after the other: topics differ in traffic, and so every
// task gets its share of each. anew holds the ids of topics that were made anew.
func divide(props map[string]string, tps []connect.TopicPartition, maxTasks int, anew map[string]string) []map[string]string {
	n := min(maxTasks, len(tps))
	lists, marks := make([][]string, n), make([][]string, n)
	for i, tp := range tps {
		lists[i%n] = append(lists[i%n], encode(tp))
		if id := anew[tp.Topic]; id != "" {
			if mark := tp.Topic + ":" + id; !slices.Contains(marks[i%n], mark) {
				marks[i%n] = append(marks[i%n], mark)
			}
		}
	}
	configs := make([]map[string]string, n)
	for i := range configs {
		c := maps.Clone(props)
		c[propPartitions] = strings.Join(lists[i], ",")
		c[propTaskIndex] = strconv.Itoa(i)
		if len(marks[i]) > 0 {
			c[propMadeAnew] = strings.Join(marks[i], ",")
		}
		configs[i] = c
	}
	return configs
}

func encode(tp connect.TopicPartition) string {
	return tp.Topic + "-" + strconv.FormatInt(int64(tp.Partition), 10)
}

// decode reads task.assigned.partitions.
func decode(list string) ([]connect.TopicPartition, error) {
	var tps []connect.TopicPartition
	for s := range strings.SplitSeq(list, ",") {
		s = strings.TrimSpace(s)
		i := strings.LastIndexByte(s, '-')
		n, err := strconv.ParseInt(s[i+1:], 10, 32)
		if i <= 0 || err != nil || n < 0 {
			return nil, config.Invalid(propPartitions, list, strconv.Quote(s)+" is not topic-partition")
		}
		tps = append(tps, connect.TopicPartition{Topic: s[:i], Partition: int32(n)})
	}
	return tps, nil
}

// missing says what the target lacks: topics to create, by source name, and topics to grow, by target name.
func missing(source, target map[string]client.Topic, remote func(string) string) (create []string, grow map[string]int32) {
	grow = map[string]int32{}
	for name, s := range source {
		t, has := target[remote(name)]
		switch {
		case !has:
			create = append(create, name)
		case t.Partitions < s.Partitions:
			grow[t.Name] = s.Partitions
		}
	}
	slices.Sort(create)
	return create, grow
}

// copyable leaves out partitions for which the target has no counterpart.
func copyable(source, target map[string]client.Topic, remote func(string) string) []connect.TopicPartition {
	return slices.DeleteFunc(partitionsOf(source), func(tp connect.TopicPartition) bool {
		return tp.Partition >= target[remote(tp.Topic)].Partitions
	})
}

// replication gives a new topic's replication factor: a number, or for "source" the source topic's, at most brokers.
func replication(setting string, source client.Topic, brokers int) int16 {
	if n, err := strconv.ParseInt(setting, 10, 16); err == nil {
		return int16(n)
	}
	return min(source.Replication, int16(min(cmp.Or(brokers, 1), 1<<15-1)))
}
