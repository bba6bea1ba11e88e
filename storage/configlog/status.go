package configlog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/jackson"
)

// TopicStatus says that a connector used a topic (KIP-558).
type TopicStatus struct {
	Topic, Connector string
	Task             int
	// DiscoveredMs is milliseconds since the epoch.
	DiscoveredMs int64
}

// ConnectorStatus encodes a connector's status; Destroyed is a tombstone.
func ConnectorStatus(connector string, s cluster.Status) KV {
	return KV{Key: []byte(prefixConnectorStatus + connector), Value: status(s)}
}

// TaskStatus encodes a task's status; Destroyed is a tombstone.
func TaskStatus(id cluster.TaskID, s cluster.Status) KV {
	return KV{Key: []byte(prefixTaskStatus + id.String()), Value: status(s)}
}

func status(s cluster.Status) []byte {
	if s.State == cluster.Destroyed {
		return nil
	}
	b := jackson.AppendString([]byte(`{"state":`), string(s.State))
	b = appendNullable(append(b, `,"trace":`...), s.Trace)
	b = jackson.AppendString(append(b, `,"worker_id":`...), s.WorkerID)
	b = strconv.AppendInt(append(b, `,"generation":`...), int64(s.Generation), 10)
	return append(appendNullable(append(b, `,"version":`...), s.Version), '}')
}

func appendNullable(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return jackson.AppendString(b, s)
}

// TopicUsed encodes a topic status.
func TopicUsed(t TopicStatus) KV {
	b := jackson.AppendString([]byte(`{"topic":{"name":`), t.Topic)
	b = jackson.AppendString(append(b, `,"connector":`...), t.Connector)
	b = strconv.AppendInt(append(b, `,"task":`...), int64(t.Task), 10)
	b = strconv.AppendInt(append(b, `,"discoverTimestamp":`...), t.DiscoveredMs, 10)
	return KV{Key: topicKey(t.Connector, t.Topic), Value: append(b, "}}"...)}
}

// ForgetTopic gives the tombstone of a topic status.
func ForgetTopic(connector, topic string) KV { return KV{Key: topicKey(connector, topic)} }

func topicKey(connector, topic string) []byte {
	return []byte(prefixTopicStatus + topic + topicStatusSeparator + connector)
}

// StatusRecord is a decoded record of the status topic: exactly one of the three names is set. A nil Status or Topic is
// a tombstone.
type StatusRecord struct {
	// Connector names the connector of a connector status.
	Connector string
	// Task is set for a task status.
	Task *cluster.TaskID
	// Topic and its connector are set for a topic status.
	TopicName, TopicConnector string

	Status *cluster.Status
	Topic  *TopicStatus
}

// ParseStatus decodes a record of the status topic.
func ParseStatus(key, value []byte) (StatusRecord, error) {
	var rec StatusRecord
	var err error
	k := string(key)
	switch {
	case strings.HasPrefix(k, prefixConnectorStatus) && len(k) > len(prefixConnectorStatus):
		rec.Connector = k[len(prefixConnectorStatus):]
	case strings.HasPrefix(k, prefixTaskStatus):
		name, task, ok := splitTask(k[len(prefixTaskStatus):])
		if !ok {
			return rec, errors.New("the key does not end in a task number")
		}
		rec.Task = &cluster.TaskID{Connector: name, Task: task}
	case strings.HasPrefix(k, prefixTopicStatus):
		var ok bool
		// Topic names hold no colon.
		rec.TopicName, rec.TopicConnector, ok = strings.Cut(k[len(prefixTopicStatus):], topicStatusSeparator)
		if !ok || rec.TopicName == "" || rec.TopicConnector == "" {
			return rec, errors.New("a topic status key names topic and connector")
		}
		rec.Topic, err = parseTopicStatus(value)
		return rec, err
	default:
		return rec, errors.New("unknown key")
	}
	rec.Status, err = parseStatus(value)
	return rec, err
}

var knownStates = map[cluster.State]bool{
	cluster.Unassigned: true, cluster.Running: true, cluster.Paused: true, cluster.Stopped: true,
	cluster.Failed: true, cluster.Restarting: true,
}

func parseStatus(value []byte) (*cluster.Status, error) {
	if value == nil {
		return nil, nil
	}
	v, err := jackson.Parse(value)
	if err != nil {
		return nil, err
	}
	o, ok := v.(jackson.Object)
	if !ok {
		return nil, fmt.Errorf("a status is %s instead of an object", kind(v))
	}
	s := &cluster.Status{State: cluster.State(text(o, "state")), Trace: text(o, "trace"), WorkerID: text(o, "worker_id"), Version: text(o, "version")}
	if !knownStates[s.State] {
		return nil, fmt.Errorf("unknown state %q", s.State)
	}
	gen, ok := integer(o, "generation")
	if !ok {
		return nil, errors.New("field generation must be a whole number")
	}
	s.Generation = int32(gen)
	return s, nil
}

func parseTopicStatus(value []byte) (*TopicStatus, error) {
	if value == nil {
		return nil, nil
	}
	v, err := jackson.Parse(value)
	if err != nil {
		return nil, err
	}
	o, _ := v.(jackson.Object)
	inner, _ := o.Get("topic")
	t, ok := inner.(jackson.Object)
	if !ok {
		return nil, fmt.Errorf("field topic is %s instead of an object", kind(inner))
	}
	task, ok1 := integer(t, "task")
	at, ok2 := integer(t, "discoverTimestamp")
	if !ok1 || !ok2 {
		return nil, errors.New("fields task and discoverTimestamp must be whole numbers")
	}
	return &TopicStatus{Topic: text(t, "name"), Connector: text(t, "connector"), Task: int(int32(task)), DiscoveredMs: at}, nil
}

// text gives a string field, empty when it is missing, null or something else.
func text(o jackson.Object, field string) string {
	v, _ := o.Get(field)
	s, _ := v.(string)
	return s
}

func integer(o jackson.Object, field string) (int64, bool) {
	v, _ := o.Get(field)
	n, _ := v.(jackson.Number)
	return n.Int64()
}
