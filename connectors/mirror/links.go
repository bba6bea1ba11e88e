package mirror

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/connectd/connectd/connectors/mirror/ring"
)

// linksTopic is where links make themselves known to each other, in every cluster that one of them reads from or writes to.
// Kafka's own mirrors leave topics with such names alone, as ours do.
const linksTopic = "mm2-links.internal"

// How long a link is known for.
const (
	// linkRenewal is how often a running link tells of itself.
	linkRenewal = time.Minute
	// linkLife is after how long a link counts as gone that has not told of itself: it may have come over several clusters,
	// each of which takes up to a renewal.
	linkLife = 5 * linkRenewal
	// mostDefinition is the longest definition that is written, bytes: more does not fit a record.
	mostDefinition = 900 << 10
)

// definition is a link as others see it. It holds neither addresses nor secrets.
type definition struct {
	Version int    `json:"version"`
	Name    string `json:"name"` // of the connector
	// Source and Target are ids of clusters.
	Source            string   `json:"source"`
	Target            string   `json:"target"`
	SourceAlias       string   `json:"source_alias"`
	TargetAlias       string   `json:"target_alias"`
	Identity          bool     `json:"identity"` // the replication policy
	Separator         string   `json:"separator"`
	InternalSeparator string   `json:"internal_separator"`
	Topics            []string `json:"topics"`
	Exclude           []string `json:"topics_exclude"`
	Heartbeats        bool     `json:"heartbeats"` // are copied in any case
	// Since is when the link began to be what it is, in ms since the epoch; of the links of a ring the youngest yields.
	Since int64 `json:"since"`
	// Written is when the link told this of itself, in ms since the epoch.
	Written int64 `json:"written"`
	// Ended tells that it was stopped.
	Ended bool `json:"ended,omitempty"`
}

const definitionVersion = 1

// linkKey tells links apart. Connectors of several Connect clusters may have the same name, and nothing tells their clusters
// apart but what they copy between.
type linkKey struct{ Name, Source, Target string }

func (d *definition) key() linkKey { return linkKey{d.Name, d.Source, d.Target} }

// define describes a link between the clusters with these ids.
func define(s *settings, source, target string) (definition, error) {
	v, err := sourceDef().Parse(s.props)
	return definition{
		Version: definitionVersion, Name: s.name, Source: source, Target: target, SourceAlias: s.source, TargetAlias: s.target,
		Identity: s.policy.identity, Separator: s.policy.separator, InternalSeparator: s.policy.internalSeparator,
		Topics: v.List(propTopics), Exclude: v.List(propExclude), Heartbeats: s.filter.heartbeats,
	}, err
}

// same tells whether both copy the same in the same way, whenever they said so.
func (d definition) same(e definition) bool {
	return d.key() == e.key() && d.SourceAlias == e.SourceAlias && d.TargetAlias == e.TargetAlias && d.Identity == e.Identity &&
		d.Separator == e.Separator && d.InternalSeparator == e.InternalSeparator && d.Heartbeats == e.Heartbeats &&
		slices.Equal(d.Topics, e.Topics) && slices.Equal(d.Exclude, e.Exclude)
}

// continues tells whether a link that is seen running now is what was seen of it before: it was not away for longer than it takes
// to move to another worker.
func (d definition) continues(e definition, now time.Time) bool {
	return d.same(e) && d.recent(now) && (!d.Ended || now.Sub(time.UnixMilli(d.Written)) < linkRenewal)
}

// alive tells whether the link was running a short while ago. Clocks may differ either way.
func (d definition) alive(now time.Time) bool { return !d.Ended && d.recent(now) }

func (d definition) recent(now time.Time) bool {
	age := now.Sub(time.UnixMilli(d.Written))
	return age < linkLife && age > -linkLife
}

// before orders links by age; a link that is younger than all others of a ring is the one that yields.
func (d definition) before(e definition) bool {
	if d.Since != e.Since {
		return d.Since < e.Since
	}
	a, b := []string{d.Name, d.Source, d.Target}, []string{e.Name, e.Source, e.Target}
	return slices.Compare(a, b) < 0
}

// encode makes the record of a definition.
func (d definition) encode() (key, value []byte, err error) {
	if key, err = json.Marshal([]string{d.Name, d.Source, d.Target}); err != nil {
		return nil, nil, err
	}
	if value, err = json.Marshal(d); err == nil && len(value) > mostDefinition {
		err = fmt.Errorf("its lists of topics take %d bytes, at most %d can be told", len(value), mostDefinition)
	}
	return key, value, err
}

// decodeDefinition reads a record. What later versions add is passed over.
func decodeDefinition(value []byte) (definition, error) {
	var d definition
	if err := json.Unmarshal(value, &d); err != nil {
		return d, err
	}
	if d.Version < 1 || d.Source == "" || d.Target == "" || d.Separator == "" || d.InternalSeparator == "" {
		return d, errors.New("it is no definition of a link")
	}
	return d, nil
}

// link gives what the search for rings needs.
func (d definition) link() (*ring.Link, error) {
	f := filter{
		policy: policy{identity: d.Identity, source: d.SourceAlias, separator: d.Separator, internalSeparator: d.InternalSeparator},
		target: d.TargetAlias, heartbeats: d.Heartbeats,
	}
	var e1, e2 error
	f.include, e1 = compile(propTopics, d.Topics)
	f.exclude, e2 = compile(propExclude, d.Exclude)
	return &ring.Link{
		Name: d.Name, Source: d.Source, Target: d.Target, SourceAlias: d.SourceAlias, TargetAlias: d.TargetAlias,
		Copies: f.mayCopy, // a ring that may be there is no less dangerous
		Rename: func(topic string) string { return f.policy.remote(d.SourceAlias, topic) },
	}, errors.Join(e1, e2)
}

// definitions are the newest of each link.
type definitions map[linkKey]definition

// add takes a definition in if it is newer than the one that is there.
func (m definitions) add(d definition) {
	if old, has := m[d.key()]; !has || old.Written < d.Written || old.Written == d.Written && d.Ended {
		m[d.key()] = d
	}
}

// expire drops what nobody needs to know any more.
func (m definitions) expire(now time.Time) {
	for k, d := range m {
		if !d.recent(now) {
			delete(m, k)
		}
	}
}

// union are the newest of both.
func union(a, b definitions) definitions {
	all := make(definitions, len(a)+len(b))
	for _, m := range []definitions{a, b} {
		for _, d := range m {
			all.add(d)
		}
	}
	return all
}

// toPass are the definitions that one cluster has and another lacks, or has of old only.
func toPass(from, to definitions, own linkKey) []definition {
	var out []definition
	for k, d := range from {
		old, has := to[k]
		if k != own && (!has || d.Ended && !old.Ended && d.Written >= old.Written || d.Written-old.Written >= (linkRenewal/2).Milliseconds()) {
			out = append(out, d)
		}
	}
	return out
}

// elders are the links that run besides own and to which own yields: those that are older. A nil own asks for all.
func (m definitions) elders(own *definition, now time.Time) []*ring.Link {
	var out []*ring.Link
	for _, d := range m {
		if !d.alive(now) || own != nil && (d.key() == own.key() || own.before(d)) {
			continue
		}
		if l, err := d.link(); err == nil { // what another version writes may not be understood
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b *ring.Link) int {
		return slices.Compare([]string{a.Name, a.Source, a.Target}, []string{b.Name, b.Source, b.Target})
	})
	return out
}
