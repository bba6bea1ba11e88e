package mirror

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
)

// Waits before a partition that could not go on is tried again: doubled from the first to the longest.
const (
	parkFirst = time.Second
	parkMost  = time.Minute
)

// parking is why a partition waits, and until when. Time is handed in.
type parking struct {
	reason string
	since  time.Time // of the first failure
	until  time.Time // when it is tried again
	tries  int
	// stranded says that it is not tried again: somebody must decide.
	stranded bool
	// trying is set between a new attempt and what comes of it, tried is when it was made, from the position then.
	trying bool
	tried  time.Time
	from   int64
	// sent says that the record which could not be delivered is under way again. Those behind it wait until it is delivered,
	// or each attempt would copy them again; held that they are not read either.
	sent, held bool
	// past is an offset: a partition that is delivered that far has got over what kept it. Below 0: any record will do.
	past int64
}

// again counts a failure and gives the time of the next attempt.
func (p *parking) again(now time.Time, reason string, past int64) {
	if p.tries == 0 {
		p.since = now
	}
	wait := parkMost
	if p.tries < 6 {
		wait = min(parkFirst<<p.tries, parkMost)
	}
	p.tries++
	p.reason, p.until, p.trying, p.past = reason, now.Add(wait), false, past
}

// admits tells whether records from one offset to another may be sent. Should the record that is tried again be gone from the
// source, the next one stands for it.
func (p *parking) admits(first, last int64) bool {
	if p == nil || p.past < 0 {
		return true
	}
	if p.sent {
		return false
	}
	if last >= p.past {
		p.past, p.sent = max(p.past, first), true
	}
	return true
}

// waits tells whether the partition stands still.
func (p *parking) waits() bool { return p != nil && !p.trying }

// event is something that happened to a partition and that somebody should know of, although the partition goes on.
type event struct {
	at   time.Time
	text string
}

const (
	eventsKept = 5
	eventLasts = time.Hour
	noteParked = 10 // partitions named in a note
)

// firstOf gives the first n in order. It is asked with each partition that comes to wait, so it does not sort them all.
func firstOf(parked map[connect.TopicPartition]*parking, n int) []connect.TopicPartition {
	first := make([]connect.TopicPartition, 0, n+1)
	for tp := range parked {
		at, _ := slices.BinarySearchFunc(first, tp, func(x, y connect.TopicPartition) int {
			return cmp.Or(strings.Compare(x.Topic, y.Topic), cmp.Compare(x.Partition, y.Partition))
		})
		if at < n {
			first = slices.Insert(first, at, tp)
			first = first[:min(n, len(first))]
		}
	}
	return first
}

// noteOf words what a status tells of a task with so many partitions. Empty for nothing.
func noteOf(now time.Time, total int, parked map[connect.TopicPartition]*parking, events []event) string {
	var b strings.Builder
	if n := len(parked); n > 0 {
		verb := "wait"
		if n == 1 {
			verb = "waits"
		}
		fmt.Fprintf(&b, "%d of %s %s", n, plural(total, "partition"), verb)
		for i, tp := range firstOf(parked, noteParked+1) {
			if i == noteParked {
				fmt.Fprintf(&b, "; and %d more", n-i)
				break
			}
			sep := "; "
			if i == 0 {
				sep = ": "
			}
			fmt.Fprintf(&b, "%s%s-%d: %s", sep, tp.Topic, tp.Partition, parked[tp].reason)
		}
	}
	for _, e := range events {
		if now.Sub(e.at) >= eventLasts {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.at.UTC().Format(time.RFC3339) + " " + e.text)
	}
	return b.String()
}
