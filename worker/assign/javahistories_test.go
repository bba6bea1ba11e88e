package assign

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/worker/proto"
)

// Environment variables of TestLeadsAsJavaDoes: the first history, for one that failed to be run again, and how many rounds are
// compared.
const (
	seedVariable  = "CONNECTD_HISTORIES_SEED"
	stepsVariable = "CONNECTD_HISTORIES_STEPS"
	defaultSteps  = 10_000
)

// Whole groups live through random histories, and each of their rounds is led twice: by Java's coordinator with its own
// assignors, and by Lead. What a round gives each member, by which configs, what it delays, who owns what: all must be the same.
// From there the workers go on.
func TestLeadsAsJavaDoes(t *testing.T) {
	t.Parallel()
	first, steps := fromEnv(t, seedVariable, rand.Uint64N(1e12)), int(fromEnv(t, stepsVariable, defaultSteps))
	java := startJavaLeader(t)
	java.checkLongestPauses()
	limits, seen, compared := java.exactLimits(), map[string]int{}, 0
	check := func(h *history) {
		for i, answer := range java.led(h.rounds) {
			if difference := compare(h.rounds[i].out, answer); difference != "" {
				t.Fatalf("after %d equal rounds, in the history of %s=%d:\n  %s\n%s",
					compared, seedVariable, h.seed, strings.Join(h.happened[:h.rounds[i].happened], "\n  "), difference)
			}
			compared++
		}
	}
	var before *history // is led by Java while the next one is led by connectd
	for seed, led := first, 0; led < steps; seed++ {
		h := newHistory(seed, limits, seen)
		h.live(t)
		led += len(h.rounds)
		if before != nil {
			check(before)
		}
		java.lead(h.rounds)
		before = h
	}
	check(before)
	t.Logf("%d rounds led by Java and by connectd, 0 differences (%s=%d)", compared, seedVariable, first)
	for _, kind := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%6d %s", seen[kind], kind)
	}
	for _, kind := range kindsOfRounds {
		if steps >= defaultSteps && seen[kind] < 10 {
			t.Errorf("%d rounds: %s; the histories do not reach what they should", seen[kind], kind)
		}
	}
}

// live is 10 to 59 rounds, with what happens before each.
func (h *history) live(t *testing.T) {
	t.Helper()
	for range 10 + h.rng.IntN(50) {
		h.next()
		h.rounds = append(h.rounds, h.round(t))
	}
}

func fromEnv(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// exactLimits are maximum delays that the pause between revoking rounds reaches in Java to the millisecond, see
// checkLongestPauses.
func (j *javaLeader) exactLimits() []time.Duration {
	limits := []time.Duration{0, 1, 2, 39, 40, 41, 500, 1500, 1600, 1601, 5000, 10_000, 60_000, 90_000, 300_000, 300_000, 300_000, 900_000}
	for i := range limits {
		limits[i] *= time.Millisecond
	}
	var exact []time.Duration
	for i, pause := range j.longestPauses(limits) {
		if pause == limits[i] {
			exact = append(exact, limits[i])
		}
	}
	return exact
}

// checkLongestPauses compares what the pause between revoking rounds grows to. Java computes it as 40 to the power of
// log(limit)/log(40), in floating point, and cuts off what is below a millisecond. The last bit decides whether that is the limit or
// a millisecond less, and it is not Java's to define: of the limits up to 200 s, 3,338 have one result with the math library that
// the JVM brings for x86-64 and the other without it (-XX:-UseLibmIntrinsic). Here it is the limit.
func (j *javaLeader) checkLongestPauses() {
	j.t.Helper()
	var limits []time.Duration
	for _, ms := range []int{0, 1, 2, 1000, 2000, 60_000, 300_000, 600_000, 3_600_000, math.MaxInt32} {
		limits = append(limits, time.Duration(ms)*time.Millisecond)
	}
	for range 10_000 {
		limits = append(limits, time.Duration(rand.IntN(3_600_000))*time.Millisecond)
	}
	less := 0
	for i, java := range j.longestPauses(limits) {
		ours := revocationBackoff(50, limits[i])
		if ours-java == time.Millisecond {
			less++
		} else if ours != java {
			j.t.Errorf("longest pause under a limit of %v: %v, Java's is %v", limits[i], ours, java)
		}
	}
	j.t.Logf("of %d limits on pauses, Java stays a millisecond below %d", len(limits), less)
}

// round is one as its leader sees it, in Java's terms too, and what connectd made of it.
type round struct {
	question javaRound
	out      Outcome
	happened int // of all that the history notes, what came before the round's end
}

// round has connectd lead the round, and the members take in the outcome.
func (h *history) round(t *testing.T) round {
	t.Helper()
	p, protocol := h.leader, h.protocol()
	joined := h.configs[p.read]
	in := Input{
		Leader: p.member, Protocol: protocol, Members: map[string][]byte{},
		Generation: h.gen, LastCompleted: p.completed, Now: h.now.Add(time.Duration(h.rng.IntN(1e6))), MaxDelay: h.maxDelay,
	}
	q := javaRound{
		Worker: p.name, MaxDelay: h.maxDelay.Milliseconds(), Now: h.now.UnixMilli(), Protocol: protocol.Wire(),
		Leader: p.member, Generation: h.gen, Completed: p.completed, JoinedWith: configsForJava(joined),
	}
	furthest := 0
	for _, m := range h.members {
		b, err := proto.EncodeMetadata(protocol, proto.Metadata{
			URL: "http://" + m.name + "/", ConfigOffset: h.configs[m.read].Offset, Assignment: m.current,
		})
		if err != nil {
			t.Fatal(err)
		}
		in.Members[m.member] = b
		q.Members = append(q.Members, javaMember{m.member, b})
		furthest = max(furthest, m.read)
	}
	if p.read < furthest && h.rng.IntN(2) == 0 {
		p.read = furthest + h.rng.IntN(len(h.configs)-furthest) // it read on since it joined
	}
	in.Snapshot = h.configs[p.read]
	q.Newest = configsForJava(in.Snapshot)
	out, state, err := Lead(p.state, in)
	if err != nil {
		t.Fatal(err)
	}
	if protocol.Incremental() && !out.Mismatch {
		q.Remind = h.forgotten(in)
	}
	h.count(p.state, state, out, q)
	r := round{question: q, out: out, happened: len(h.happened)}
	p.state = state
	h.take(t, out.Encoded)
	return r
}

// forgotten is what runs but is not configured any more, and unknown to Java's leader because it does not look further than its
// own earlier assignments. Connectd revokes it, deliberately.
func (h *history) forgotten(in Input) []javaItem {
	known := setOf(Configured(in.Snapshot))
	if h.leader.state.Generation == in.LastCompleted {
		known.add(setOf(h.leader.state.Previous).list...)
	}
	var out []javaItem
	for _, m := range h.members {
		if m.current == nil {
			continue
		}
		for _, i := range setOf(m.current.Assigned).without(known).list {
			out = append(out, javaItem{i.Connector, i.Task})
		}
	}
	return out
}

// kindsOfRounds must all be among the rounds that are compared.
var kindsOfRounds = []string{
	"eager", "config mismatch", "revoking", "waiting for lost work", "pausing between revocations", "giving lost work to who came back",
	"giving lost work to all", "work running twice", "Java is told of deleted work that it forgot",
}

// count notes what kind of round this was.
func (h *history) count(before, after State, out Outcome, question javaRound) {
	h.note("round", "generation %d, led by %s, last completed %d, at %d ms, config offset %d", h.gen, h.leader.name,
		h.leader.completed, h.now.UnixMilli(), out.ConfigOffset)
	h.seen[fmt.Sprintf("of %v", h.protocol())]++
	if out.Mismatch {
		h.note("config mismatch", "config mismatch")
		return
	}
	if !h.protocol().Incremental() {
		h.note("eager", "eager")
		return
	}
	running := map[string]proto.Work{}
	for _, m := range h.members {
		if m.current != nil {
			running[m.member] = m.current.Assigned
		}
	}
	if _, twice := activeWork(running); !twice.empty() {
		h.note("work running twice", "on more than one worker: %v", twice.list)
	}
	if len(question.Remind) > 0 {
		h.note("Java is told of deleted work that it forgot", "deleted and forgotten: %v", question.Remind)
	}
	if !after.Revoked.Empty() {
		h.note("revoking", "revoked: %v", after.Revoked)
	}
	switch {
	case after.SuccessiveRevocations > before.SuccessiveRevocations && after.Delay > 0:
		h.note("pausing between revocations", "pause of %v", after.Delay)
	case after.Delay > 0:
		h.note("waiting for lost work", "%v left, candidates %v", after.Delay, after.Candidates)
	case !before.Rebalance.IsZero() && len(before.Candidates) > 0:
		h.note("giving lost work to who came back", "end of the delay, candidates were %v", before.Candidates)
	case !before.Rebalance.IsZero():
		h.note("giving lost work to all", "end of the delay")
	}
}

// compare tells how the two answers differ.
func compare(out Outcome, java javaAnswer) string {
	var differences []string
	if len(java.Assignments) != len(out.Encoded) {
		differences = append(differences, fmt.Sprintf("%d assignments by Java, %d by connectd", len(java.Assignments), len(out.Encoded)))
	}
	for _, id := range slices.Sorted(maps.Keys(out.Encoded)) {
		want, err := proto.DecodeAssignment(java.Assignments[id])
		if err != nil {
			differences = append(differences, fmt.Sprintf("Java's assignment of %s: %v", id, err))
			continue
		}
		got, err := proto.DecodeAssignment(out.Encoded[id])
		if err != nil {
			differences = append(differences, fmt.Sprintf("assignment of %s: %v", id, err))
			continue
		}
		if !sameAssignment(want, got) {
			differences = append(differences, fmt.Sprintf("%s (-Java +connectd):\n%s", id, cmp.Diff(want, got)))
		}
	}
	connectorOwners, taskOwners := owners(out.Totals)
	if !out.Mismatch && !maps.Equal(java.Connectors, connectorOwners) {
		differences = append(differences, "owners of connectors (-Java +connectd):\n"+cmp.Diff(java.Connectors, connectorOwners))
	}
	if !out.Mismatch && !maps.Equal(java.Tasks, taskOwners) {
		differences = append(differences, "owners of tasks (-Java +connectd):\n"+cmp.Diff(java.Tasks, taskOwners))
	}
	return strings.Join(differences, "\n")
}

// sameAssignment leaves the order of work aside: Java lists it in the order of a hash set.
func sameAssignment(a, b *proto.Assignment) bool {
	headers := [2]proto.Assignment{*a, *b}
	for i := range headers {
		headers[i].Assigned, headers[i].Revoked = proto.Work{}, proto.Work{}
	}
	return reflect.DeepEqual(headers[0], headers[1]) &&
		equalWork(sortedWork(a.Assigned), sortedWork(b.Assigned)) && equalWork(sortedWork(a.Revoked), sortedWork(b.Revoked))
}

// owners maps work, by Java's names, to the member that runs it.
func owners(totals map[string]proto.Work) (connectors, tasks map[string]string) {
	connectors, tasks = map[string]string{}, map[string]string{}
	for id, w := range totals {
		for _, c := range w.Connectors {
			connectors[c] = id
		}
		for _, t := range w.Tasks {
			tasks[t.String()] = id
		}
	}
	return connectors, tasks
}
