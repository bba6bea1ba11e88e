package assign

import (
	"slices"
	"strings"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/proto"
)

// item is a task, or a connector when its number is connectorNumber: most steps treat both alike.
type item = cluster.TaskID

const connectorNumber = -1

// kind tells the two sorts of work apart that are balanced independently.
type kind int

const (
	connectors kind = iota
	tasks
	kinds
)

func kindOf(i item) kind {
	if i.Task == connectorNumber {
		return connectors
	}
	return tasks
}

// items is a set that remembers the order in which it was filled: what a member names first is revoked first.
type items struct {
	list []item
	in   map[item]struct{}
}

func (s *items) add(list ...item) {
	if s.in == nil {
		s.in = make(map[item]struct{}, len(list))
	}
	for _, i := range list {
		if _, dup := s.in[i]; !dup {
			s.in[i] = struct{}{}
			s.list = append(s.list, i)
		}
	}
}

func (s *items) has(i item) bool {
	_, ok := s.in[i]
	return ok
}

func (s *items) empty() bool { return len(s.list) == 0 }

// remove takes everything in other out of s.
func (s *items) remove(other *items) {
	if other.empty() || s.empty() {
		return
	}
	s.list = slices.DeleteFunc(s.list, other.has)
	for i := range other.in {
		delete(s.in, i)
	}
}

// without is s less others, sorted.
func (s *items) without(others ...*items) *items {
	var rest []item
	for _, i := range s.list {
		if !slices.ContainsFunc(others, func(o *items) bool { return o.has(i) }) {
			rest = append(rest, i)
		}
	}
	slices.SortFunc(rest, item.Compare)
	out := &items{}
	out.add(rest...)
	return out
}

func setOf(w proto.Work) *items {
	s := &items{}
	for _, c := range w.Connectors {
		s.add(item{Connector: c, Task: connectorNumber})
	}
	s.add(w.Tasks...)
	return s
}

func (s *items) work() proto.Work {
	var w proto.Work
	for _, i := range s.list {
		if kindOf(i) == connectors {
			w.Connectors = append(w.Connectors, i.Connector)
		} else {
			w.Tasks = append(w.Tasks, i)
		}
	}
	return w
}

// load is what one worker runs, each kind apart.
type load struct {
	member string
	of     [kinds]items
}

func newLoad(member string, w proto.Work) *load {
	l := &load{member: member}
	l.add(setOf(w).list...)
	return l
}

func (l *load) add(list ...item) {
	for _, i := range list {
		l.of[kindOf(i)].add(i)
	}
}

func (l *load) has(i item) bool { return l.of[kindOf(i)].has(i) }

func (l *load) remove(s *items) {
	if s == nil {
		return
	}
	for k := range l.of {
		l.of[k].remove(s)
	}
}

func (l *load) size(k kind) int { return len(l.of[k].list) }

func (l *load) empty() bool { return l.size(connectors) == 0 && l.size(tasks) == 0 }

// all is connectors, then tasks.
func (l *load) all() *items {
	s := &items{}
	s.add(l.of[connectors].list...)
	s.add(l.of[tasks].list...)
	return s
}

// byLoad orders the least loaded worker first, ties by member id.
func byLoad(k kind) func(a, b *load) int {
	return func(a, b *load) int {
		if d := a.size(k) - b.size(k); d != 0 {
			return d
		}
		return strings.Compare(a.member, b.member)
	}
}

// revocations maps a member to what it must stop.
type revocations map[string]*items

func (r revocations) add(member string, list ...item) {
	if r[member] == nil {
		r[member] = &items{}
	}
	r[member].add(list...)
}

func (r revocations) empty() bool {
	for _, s := range r {
		if !s.empty() {
			return false
		}
	}
	return true
}
