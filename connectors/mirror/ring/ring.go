package ring

import (
	"fmt"
	"slices"
	"strings"
)

// Link copies topics of one cluster to another, or to the same one.
type Link struct {
	// Name is what people know the link by.
	Name string
	// Source and Target are ids of clusters. One cluster has one id, whatever it is called and by whatever address it is
	// reached.
	Source, Target string
	// SourceAlias and TargetAlias are what the link calls its clusters.
	SourceAlias, TargetAlias string
	// Copies tells whether the link copies a topic of its source.
	Copies func(topic string) bool
	// Rename gives a topic's name on the target.
	Rename func(topic string) string
}

// Place is a topic in a cluster.
type Place struct{ Cluster, Topic string }

// Ring is the way of a topic back to where it is copied again.
type Ring struct {
	// Topic is the topic of the new link's source whose records would go round.
	Topic string
	// Places are where its records come to, beginning with the topic itself. The last one lies in the first one's cluster
	// again, and the new link copies it.
	Places []Place
	// Links are the links that lead from each place to the next; the first is the new one.
	Links []*Link
}

// Bounds of the search. A ring that takes more hops than there are clusters visits one of them twice, so that it is none,
// or a shorter one is there as well; the others only matter to links that make ever more names.
const (
	mostHops  = 64
	mostNames = 1 << 12 // places of one topic
	mostSteps = 1 << 20 // questions to links in one call
)

// Rings looks for a way back for each of the topics that the new link copies, and gives the shortest one of each, in the
// order of topics. The known links must not hold the new link itself. Work is bounded: complete tells whether all there is was
// looked at.
func Rings(n *Link, known []*Link, topics []string) (rings []Ring, complete bool) {
	s := newSearch(n, known)
	if s == nil {
		return nil, true
	}
	for _, t := range topics {
		if !s.asks(n, t) {
			continue
		}
		if r, found := s.from(t); found {
			rings = append(rings, r)
		}
		if s.steps <= 0 {
			return rings, false
		}
	}
	return rings, !s.cut
}

// search is what looking from several topics has in common.
type search struct {
	n     *Link
	out   map[string][]*Link // links by source, those that can lead back only
	steps int                // questions left
	cut   bool               // something was not looked at
}

// newSearch gives nil if no cluster that the new link's records come to leads back: so it is nearly always.
func newSearch(n *Link, known []*Link) *search {
	all := append(slices.Clone(known), n)
	back := map[string]bool{n.Source: true} // clusters that lead to the new link's source
	for grown := true; grown; {
		grown = false
		for _, l := range all {
			if back[l.Target] && !back[l.Source] {
				back[l.Source], grown = true, true
			}
		}
	}
	if !back[n.Target] {
		return nil
	}
	s := &search{n: n, out: map[string][]*Link{}, steps: mostSteps}
	for _, l := range all {
		if back[l.Target] {
			s.out[l.Source] = append(s.out[l.Source], l)
		}
	}
	return s
}

func (s *search) asks(l *Link, topic string) bool {
	s.steps--
	return l.Copies(topic)
}

// step is a place that was come to, and from where.
type step struct {
	Place
	from, hops int
	by         *Link
}

// from looks for the way back of a topic that the new link copies, breadth first.
func (s *search) from(topic string) (Ring, bool) {
	way := []step{{Place: Place{s.n.Source, topic}, from: -1}}
	seen := map[Place]bool{}
	come := func(i int, by *Link) bool {
		p := Place{by.Target, by.Rename(way[i].Topic)}
		if seen[p] {
			return false
		}
		seen[p] = true
		way = append(way, step{p, i, way[i].hops + 1, by})
		return p.Cluster == s.n.Source && s.asks(s.n, p.Topic)
	}
	if come(0, s.n) {
		return ringOf(topic, way, 1), true
	}
	for i := 1; i < len(way) && s.steps > 0; i++ {
		if way[i].hops >= mostHops || len(way) > mostNames {
			s.cut = true
			break
		}
		for _, l := range s.out[way[i].Cluster] {
			if s.asks(l, way[i].Topic) && come(i, l) {
				return ringOf(topic, way, len(way)-1), true
			}
		}
	}
	return Ring{}, false
}

func ringOf(topic string, way []step, last int) Ring {
	r := Ring{Topic: topic}
	for i := last; i >= 0; i = way[i].from {
		r.Places = append(r.Places, way[i].Place)
		if way[i].by != nil {
			r.Links = append(r.Links, way[i].by)
		}
	}
	slices.Reverse(r.Places)
	slices.Reverse(r.Links)
	return r
}

// String spells the ring out: "A:t -> B:t -> A:t (links a-b, b-a)", with a word on clusters that go by several names.
func (r Ring) String() string {
	names, ids, others := map[string]string{}, map[string]string{}, []string{}
	call := func(id, alias string) {
		if names[id] == "" {
			if other, taken := ids[alias]; taken && other != id {
				alias += "[" + id + "]" // two links call different clusters the same
			}
			names[id], ids[alias] = alias, id
		} else if note := fmt.Sprintf("%s and %s are the same cluster", names[id], alias); names[id] != alias && !slices.Contains(others, note) {
			others = append(others, note)
		}
	}
	links := make([]string, len(r.Links))
	for i, l := range r.Links {
		call(l.Source, l.SourceAlias)
		call(l.Target, l.TargetAlias)
		links[i] = l.Name
	}
	places := make([]string, len(r.Places))
	for i, p := range r.Places {
		places[i] = names[p.Cluster] + ":" + p.Topic
	}
	word := "links "
	if len(links) == 1 {
		word = "link "
	}
	notes := append([]string{word + strings.Join(links, ", ")}, others...)
	return strings.Join(places, " -> ") + " (" + strings.Join(notes, "; ") + ")"
}
