package worker_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/client"
)

// prefixing puts a word before each value, and drops records when the word is "drop".
type prefixing struct {
	word   string
	closed *counter
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) add(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	return c.n
}

func (p *prefixing) Configure(props map[string]string) error {
	if p.word = props["word"]; p.word == "" {
		return errors.New("word is missing")
	}
	if props["type"] != "" || props["predicate"] != "" {
		return errors.New("got the worker's own properties")
	}
	return nil
}

func (p *prefixing) Apply(rec *connect.Transformable) (bool, error) {
	rec.Value = p.word + rec.Value.(string)
	return p.word != "drop", nil
}

func (p *prefixing) Close() error { p.closed.add(1); return nil }

// ending is true for values with an end.
type ending struct {
	end    string
	closed *counter
}

func (e *ending) Configure(props map[string]string) error { e.end = props["end"]; return nil }
func (e *ending) Test(rec *connect.Transformable) (bool, error) {
	return strings.HasSuffix(rec.Value.(string), e.end), nil
}
func (e *ending) Close() error { e.closed.add(1); return nil }

func TestTransformationsAndPredicates(t *testing.T) {
	closed := &counter{}
	c := newWorkers(t, 1, func(r connect.Registrar) {
		def := config.New(config.Key{Name: "word", Default: ""}, config.Key{Name: "end", Default: ""})
		r.Transform(connect.TransformPlugin{Class: "test.Prefix", Config: def, New: func() connect.Transform { return &prefixing{closed: closed} }})
		r.Predicate(connect.PredicatePlugin{Class: "test.Ending", Config: def, New: func() connect.Predicate { return &ending{closed: closed} }})
	}, nil)
	w := c.all[0]
	w.create("a", source(1, "records", "4", "transforms", "x, y,drop", "predicates", "two,three",
		"predicates.two.type", "test.Ending", "predicates.two.end", "-2", "predicates.three.type", "test.Ending", "predicates.three.end", "-3",
		"transforms.x.type", "test.Prefix", "transforms.x.word", "x",
		"transforms.y.type", "test.Prefix", "transforms.y.word", "y", "transforms.y.predicate", "two", "transforms.y.negate", "True",
		"transforms.drop.type", "test.Prefix", "transforms.drop.word", "drop", "transforms.drop.predicate", "three"))
	want := []string{"yx0-0", "yx0-1", "x0-2"}
	w.eventually(func() error {
		if diff := cmp.Diff(want, c.kafka.values("out")); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
	w.must(204, "DELETE", "/connectors/a", nil)
	w.eventually(func() error {
		if n := closed.add(0); n != 5 {
			return fmt.Errorf("%d of 3 transformations and 2 predicates are closed", n)
		}
		return nil
	})
}

func TestTopicsAreCreatedByGroup(t *testing.T) {
	c := newWorkers(t, 1, nil, nil)
	w := c.all[0]
	creation := []string{
		"topic.creation.groups", "big,odd", "topic.creation.default.partitions", "2", "topic.creation.default.replication.factor", "1",
		"topic.creation.default.cleanup.policy", "compact",
		"topic.creation.big.include", "big.*,huge", "topic.creation.big.exclude", "bigot", "topic.creation.big.partitions", "9",
		"topic.creation.odd.include", "bigo.", "topic.creation.odd.replication.factor", "-1", "topic.creation.odd.retention.ms", "5",
	}
	for topic, want := range map[string]client.TopicSpec{
		"big-1": {Name: "big-1", Partitions: 9, Replication: 1, Config: map[string]string{"cleanup.policy": "compact"}},
		"bigot": {Name: "bigot", Partitions: 2, Replication: -1, Config: map[string]string{"cleanup.policy": "compact", "retention.ms": "5"}},
		"hugex": {Name: "hugex", Partitions: 2, Replication: 1, Config: map[string]string{"cleanup.policy": "compact"}},
	} {
		w.create(topic, source(1, append(slices.Clone(creation), "topic", topic, "records", "1")...))
		w.eventually(func() error {
			got, ok := c.kafka.spec(topic)
			if !ok {
				return fmt.Errorf("topic %s is not created", topic)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				return errors.New(diff)
			}
			return nil
		})
	}
	w.create("none", source(1, "topic", "plain", "records", "1"))
	w.eventually(func() error {
		if len(c.kafka.values("plain")) == 0 {
			return errors.New("nothing written")
		}
		return nil
	})
	if _, ok := c.kafka.spec("plain"); ok {
		t.Error("a topic was created that no one asked for")
	}
}
