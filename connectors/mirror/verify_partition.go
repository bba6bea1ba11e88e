package mirror

import (
	"context"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// behind is how much of the source is read behind a short range, to see what the target has from there.
const behind = 1000

// samples is into how many pieces a sample is spread.
const samples = 10

// pair is a partition and its copy, being compared.
type pair struct {
	v          *verifier
	ctx        context.Context
	src, dst   Reader
	tp, remote connect.TopicPartition
	srcFirst   int64 // of what there is
	srcEnd     int64
	dstFirst   int64
	dstEnd     int64
	from, to   int64 // of the source, to be compared

	asked   bool                  // for the target's first record
	head    client.ConsumedRecord // which this is
	headHas bool
}

// partition compares one partition.
func (v *verifier) partition(ctx context.Context, src, dst Reader, tp connect.TopicPartition) PartitionReport {
	p := &pair{v: v, ctx: ctx, src: src, dst: dst, tp: tp, remote: connect.TopicPartition{Topic: v.s.remote(tp.Topic), Partition: tp.Partition}}
	r := PartitionReport{Topic: tp.Topic, TargetTopic: p.remote.Topic, Partition: tp.Partition}
	if err := p.compare(&r); err != nil {
		r.Error = err.Error()
	}
	return r
}

func (p *pair) compare(r *PartitionReport) error {
	if err := p.bounds(); err != nil {
		return err
	}
	r.SourceRange, r.TargetRange = [2]int64{p.from, p.to}, [2]int64{p.dstFirst, p.dstEnd}
	p.v.p.Records.Add(p.to - p.from)
	if p.v.target[p.remote.Topic].Partitions <= p.remote.Partition {
		// There is no copy: nothing has been copied, or it was deleted.
		if n := p.to - p.from; p.copied() >= 0 {
			r.Counts.Missing = max(0, min(p.copied(), p.to)-p.from)
			r.Counts.Pending = n - r.Counts.Missing
		} else {
			r.Counts.Missing = n
		}
		return nil
	}
	for _, piece := range p.pieces() {
		c, diffs, err := p.piece(piece[0], piece[1])
		if err != nil {
			return err
		}
		r.Counts.add(c)
		r.Differences = append(r.Differences, diffs[:min(len(diffs), max(0, p.v.o.Differences-len(r.Differences)))]...)
	}
	slices.SortStableFunc(r.Differences, func(a, b Difference) int { return int(place(a) - place(b)) })
	return nil
}

func place(d Difference) int64 {
	if d.SourceOffset >= 0 {
		return d.SourceOffset
	}
	return d.TargetOffset
}

// bounds asks for the ends and finds the range. The target's end is asked for first: whatever it holds by then is in the
// source's range.
func (p *pair) bounds() (err error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.v.s.adminTimeout)
	defer cancel()
	ask := func(r Reader, tp connect.TopicPartition, spec int64) (at int64) {
		if err != nil {
			return 0
		}
		var found map[connect.TopicPartition]int64
		found, err = r.ListOffsets(ctx, map[connect.TopicPartition]int64{tp: spec}, r == p.dst)
		return found[tp]
	}
	if p.v.target[p.remote.Topic].Partitions > p.remote.Partition {
		p.dstFirst, p.dstEnd = ask(p.dst, p.remote, client.Earliest), ask(p.dst, p.remote, client.Latest)
	}
	p.srcFirst, p.srcEnd = ask(p.src, p.tp, client.Earliest), ask(p.src, p.tp, client.Latest)
	end := p.srcEnd
	if at, early := p.v.ends[p.tp]; early {
		end = min(at, end)
	}
	bound := func(b Bound, none int64) int64 {
		switch {
		case !b.Given:
			return none
		case !b.Time:
			return b.At
		}
		if at := ask(p.src, p.tp, b.At); at >= 0 {
			return at
		}
		return p.srcEnd
	}
	p.from = max(p.srcFirst, bound(p.v.o.From, p.srcFirst))
	p.to = min(end, bound(p.v.o.To, end))
	if p.v.o.Last > 0 {
		p.from = max(p.from, p.to-p.v.o.Last)
	}
	p.from = min(p.from, p.to)
	return err
}

func (p *pair) copied() int64 {
	if at, known := p.v.o.Copied[p.tp]; known {
		return at
	}
	return -1
}

// pieces are the ranges of the source to compare: one, or several of a sample.
func (p *pair) pieces() [][2]int64 {
	all, n := p.to-p.from, p.v.o.Sample
	if n <= 0 || all <= n {
		return [][2]int64{{p.from, p.to}}
	}
	size, gaps := max(1, n/samples), min(samples, n)-1
	var out [][2]int64
	for i := range gaps + 1 {
		at := p.from
		if gaps > 0 {
			at += (all - size) * i / gaps
		}
		out = append(out, [2]int64{at, at + size})
	}
	return out
}

// piece compares a range of the source with where the target holds its copy.
func (p *pair) piece(from, to int64) (Counts, []Difference, error) {
	seed := maphash.MakeSeed()
	src := &scan{ctx: p.ctx, r: p.src, tp: p.tp, seed: seed, read: &p.v.p.Read}
	dst := &scan{ctx: p.ctx, r: p.dst, tp: p.remote, seed: seed, read: &p.v.p.TargetRead}
	o := matchOptions{
		lookAhead: p.v.o.LookAhead, compacted: p.compacted(), copied: p.copied(), most: p.v.o.Differences,
		sourceCut: from > 0, targetCut: p.dstFirst > 0, targetOpen: to < p.srcEnd || p.v.ends != nil, end: to,
	}
	if o.lookAhead <= 0 {
		o.lookAhead = defaultLookAhead
	}
	beyond := to
	if o.targetOpen {
		beyond = min(p.srcEnd, to+min(int64(o.lookAhead), max(behind, to-from)))
	}
	skipped, err := p.align(src, dst, from, beyond)
	if err != nil {
		return Counts{}, nil, err
	}
	c, diffs := match(src, dst, o)
	for _, s := range []*scan{src, dst} {
		if s.err != nil {
			return c, diffs, s.err
		}
	}
	c.ExpiredTarget += skipped
	if from > p.srcFirst { // what lies before the range is no matter
		c.ExpiredSource = 0
	}
	return c, diffs, nil
}

// align begins both scans where they meet, as far as timestamps tell: the first record whose time is not before another's
// does not lie behind it. It returns how much of the source the target has no more.
func (p *pair) align(src, dst *scan, from, to int64) (skipped int64, err error) {
	if err := src.begin(from, to); err != nil {
		return 0, err
	}
	s, srcHas := src.peek()
	fresh := !p.asked // then dst stands at its beginning, from which the first record is known
	if fresh {
		if err := dst.begin(p.dstFirst, p.dstEnd); err != nil {
			return 0, err
		}
		if first, has := dst.peek(); has {
			p.head, p.headHas = *first, true
		}
		p.asked = dst.err == nil
	}
	t, start := p.head, p.dstFirst
	if srcHas && p.headHas {
		stamps := t.TimestampType == s.TimestampType
		src.stamps, dst.stamps = stamps, stamps
		switch {
		case s.Timestamp.IsZero() || t.Timestamp.IsZero():
		case from > 0 && t.Timestamp.Before(s.Timestamp):
			if start, err = p.at(p.dst, p.remote, s.Timestamp.UnixMilli()); err != nil {
				return 0, err
			}
			if start < 0 {
				start = p.dstEnd
			}
			start = max(start, p.dstFirst)
		case p.dstFirst > 0 && stamps && s.Timestamp.Before(t.Timestamp):
			at, err := p.at(p.src, p.tp, t.Timestamp.UnixMilli())
			if err != nil {
				return 0, err
			}
			if at > from && at < to {
				skipped = at - from
				err = src.begin(at, to)
			}
			if err != nil {
				return 0, err
			}
		}
	}
	if fresh && start == p.dstFirst {
		return skipped, nil
	}
	return skipped, dst.begin(start, p.dstEnd)
}

func (p *pair) at(r Reader, tp connect.TopicPartition, ms int64) (int64, error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.v.s.adminTimeout)
	defer cancel()
	found, err := r.ListOffsets(ctx, map[connect.TopicPartition]int64{tp: ms}, false)
	return found[tp], err
}

// compacted tells whether either side may lack records that have a later one of their key.
func (p *pair) compacted() bool {
	const policy = "cleanup.policy"
	return strings.Contains(p.v.configs[0][p.tp.Topic][policy].Value, "compact") ||
		strings.Contains(p.v.configs[1][p.remote.Topic][policy].Value, "compact")
}
