package assign

import (
	"slices"

	"github.com/connectd/connectd/worker/proto"
)

// Eager deals all connectors, then all tasks, to the members in turn, each sorted; every member has an entry.
func Eager(members []string, configured proto.Work) map[string]proto.Work {
	ids := slices.Clone(members)
	slices.Sort(ids)
	all := setOf(configured).without()
	out := make(map[string]proto.Work, len(ids))
	if len(ids) == 0 {
		return out
	}
	dealt := make([]items, len(ids))
	turn := 0
	for k := range kinds {
		for _, i := range all.list {
			if kindOf(i) == k {
				dealt[turn%len(ids)].add(i)
				turn++
			}
		}
	}
	for n, id := range ids {
		out[id] = dealt[n].work()
	}
	return out
}
