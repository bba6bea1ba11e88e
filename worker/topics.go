package worker

import (
	"fmt"
	"maps"
	"strings"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/javaregex"
	"github.com/connectd/connectd/worker/workerconf"
)

// topicCreation is how a source connector's topics are to be made (KIP-158).
type topicCreation struct {
	groups []topicGroup // the first that matches counts; the last is the default group and matches all
}

type topicGroup struct {
	all              bool // whether it takes every topic
	include, exclude []*javaregex.Regexp
	partitions       int32
	replication      int16
	settings         map[string]string
}

const topicCreationPrefix = "topic.creation."

// newTopicCreation reads a connector's topic.creation properties; nil when the worker or the connector wants none.
func newTopicCreation(worker *workerconf.Config, conf map[string]string) (*topicCreation, error) {
	if !worker.TopicCreationEnable {
		return nil, nil
	}
	def := config.WithPrefix(conf, topicCreationPrefix+"default.")
	if len(def) == 0 {
		return nil, nil
	}
	defaults, err := newTopicGroup("default", def, topicGroup{partitions: -1, replication: -1})
	if err != nil {
		return nil, err
	}
	c := &topicCreation{}
	for _, name := range listOf(conf[topicCreationPrefix+"groups"]) {
		props := config.WithPrefix(conf, topicCreationPrefix+name+".")
		g, err := newTopicGroup(name, props, defaults)
		if err != nil {
			return nil, err
		}
		if g.include, err = patterns(name, "include", props["include"]); err != nil {
			return nil, err
		}
		if g.exclude, err = patterns(name, "exclude", props["exclude"]); err != nil {
			return nil, err
		}
		c.groups = append(c.groups, g)
	}
	defaults.all = true
	c.groups = append(c.groups, defaults)
	return c, nil
}

func newTopicGroup(name string, props map[string]string, from topicGroup) (topicGroup, error) {
	g := topicGroup{partitions: from.partitions, replication: from.replication, settings: maps.Clone(from.settings)}
	if g.settings == nil {
		g.settings = map[string]string{}
	}
	for k, v := range props {
		var err error
		switch k {
		case "partitions", "replication.factor":
			var n int
			if n, err = intOf(props, k); err == nil && n != -1 && n < 1 {
				err = fmt.Errorf("%d is neither -1 nor at least 1", n)
			}
			if k == "partitions" {
				g.partitions = int32(n)
			} else {
				g.replication = int16(n)
			}
		case "include", "exclude":
		default:
			g.settings[k] = v
		}
		if err != nil {
			return g, fmt.Errorf("%s%s.%s: %w", topicCreationPrefix, name, k, err)
		}
	}
	return g, nil
}

func patterns(group, what, text string) ([]*javaregex.Regexp, error) {
	var out []*javaregex.Regexp
	for _, p := range listOf(text) {
		re, err := javaregex.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("%s%s.%s: %q is not a regular expression: %w", topicCreationPrefix, group, what, p, err)
		}
		out = append(out, re)
	}
	return out, nil
}

// spec says how to create a topic. The error is that of an expression that can't be matched in reasonable time.
func (c *topicCreation) spec(topic string) (client.TopicSpec, error) {
	for _, g := range c.groups {
		takes, err := g.takes(topic)
		if err != nil {
			return client.TopicSpec{}, err
		}
		if takes {
			return client.TopicSpec{Name: topic, Partitions: g.partitions, Replication: g.replication, Config: g.settings}, nil
		}
	}
	return client.TopicSpec{Name: strings.Clone(topic), Partitions: -1, Replication: -1}, nil
}

func (g topicGroup) takes(topic string) (bool, error) {
	if g.all {
		return true, nil
	}
	if yes, err := anyMatches(g.include, topic); !yes || err != nil {
		return false, err
	}
	no, err := anyMatches(g.exclude, topic)
	return !no && err == nil, err
}

func anyMatches(res []*javaregex.Regexp, topic string) (bool, error) {
	for _, re := range res {
		if yes, err := re.MatchString(topic); yes || err != nil {
			return yes, err
		}
	}
	return false, nil
}
