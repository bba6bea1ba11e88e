package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// VerifyOptions say what to compare of a link.
type VerifyOptions struct {
	// Topics are names and patterns of topics of the source; nil for all that the link copies.
	Topics []string
	// From and To bound the range of each source partition, To being exclusive.
	From, To Bound
	// Last compares only so many of the last records of each partition (counted by offsets), 0 for no such bound.
	Last int64
	// Sample compares about so many records of each partition, in pieces spread over the range, 0 for all.
	Sample int64
	// LookAhead is how many records of each side are kept to find what belongs together, 0 for 10,000.
	LookAhead int
	// Differences is how many differences of each partition are told one by one.
	Differences int
	// Wait is how long what the source holds now may take to be copied; what comes later is not compared. It is for links
	// that are running. 0 compares what is there.
	Wait time.Duration
	// Copied tells up to which source offset (exclusive) partitions are known to have been copied.
	Copied map[connect.TopicPartition]int64
	// Parallel is how many partitions are compared at a time, 0 for 4.
	Parallel int
}

// Bound is an end of a range: an offset or a time in ms since the epoch; the zero value is none.
type Bound struct {
	Given, Time bool
	At          int64
}

// VerifyProgress tells how far a comparison is. It is safe for concurrent use.
type VerifyProgress struct {
	Partitions, Done atomic.Int64
	// Records is how many there are to read on the source, by offsets; Read and TargetRead are what was read.
	Records, Read, TargetRead atomic.Int64
}

// VerifyReport is what a comparison found.
type VerifyReport struct {
	Source     string            `json:"source"` // aliases
	Target     string            `json:"target"`
	Total      Counts            `json:"total"`
	Partitions []PartitionReport `json:"partitions"`
	// Notes say what somebody should know who reads the report.
	Notes []string `json:"notes,omitempty"`
}

// PartitionReport is what a comparison found in one partition. Ranges are offsets that were compared, the end exclusive.
type PartitionReport struct {
	Topic       string       `json:"topic"`
	TargetTopic string       `json:"target_topic"`
	Partition   int32        `json:"partition"`
	SourceRange [2]int64     `json:"source_range"`
	TargetRange [2]int64     `json:"target_range"`
	Counts      Counts       `json:"counts"`
	Differences []Difference `json:"differences,omitempty"`
	// Error tells why the partition could not be compared.
	Error string `json:"error,omitempty"`
}

// Same tells whether nothing is missing and nothing differs.
func (c Counts) Same() bool { return c.Missing == 0 && c.Changed == 0 && c.Extra == 0 }

// Same tells whether nothing is missing and nothing differs, as far as partitions could be compared.
func (r *VerifyReport) Same() bool { return r.Total.Same() }

// Err joins what kept partitions from being compared.
func (r *VerifyReport) Err() error {
	var errs []error
	for _, p := range r.Partitions {
		if p.Error != "" {
			errs = append(errs, fmt.Errorf("%s-%d: %s", p.Topic, p.Partition, p.Error))
		}
	}
	return errors.Join(errs...)
}

// verifier compares the partitions of one link.
type verifier struct {
	clients Clients
	s       *settings
	o       VerifyOptions
	p       *VerifyProgress
	// configs are settings of topics of source and target, by their own names.
	configs [2]map[string]map[string]client.ConfigEntry
	target  map[string]client.Topic
	ends    map[connect.TopicPartition]int64 // of the source before the wait, nil without
}

// Verify compares source and target of a link, whose config is props. It only reads. The error is trouble that kept it from
// comparing at all; that of single partitions is in the report.
func Verify(ctx context.Context, clients Clients, props map[string]string, o VerifyOptions, p *VerifyProgress) (*VerifyReport, error) {
	s, err := parse(props)
	if err != nil {
		return nil, err
	}
	if !addressed(props) {
		return nil, errors.New("source.cluster.bootstrap.servers and target.cluster.bootstrap.servers must both be given")
	}
	v := &verifier{clients: clients, s: s, o: o, p: p}
	tps, notes, err := v.look(ctx)
	if err != nil {
		return nil, err
	}
	p.Partitions.Store(int64(len(tps)))
	if err := v.wait(ctx, tps); err != nil {
		return nil, err
	}
	r := &VerifyReport{Source: s.source, Target: s.target, Notes: notes, Partitions: make([]PartitionReport, len(tps))}
	if err := v.compareAll(ctx, tps, r.Partitions); err != nil {
		return nil, err
	}
	for _, pr := range r.Partitions {
		r.Total.add(pr.Counts)
	}
	return r, nil
}

// look finds out which partitions there are to compare.
func (v *verifier) look(ctx context.Context) ([]connect.TopicPartition, []string, error) {
	src, dst, err := openAdmins(v.clients, v.s)
	if err != nil {
		return nil, nil, err
	}
	defer src.Close()
	defer dst.Close()
	ctx, cancel := context.WithTimeout(ctx, v.s.adminTimeout)
	defer cancel()
	source, err := src.Topics(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("source cluster %s: %w", v.s.source, err)
	}
	if v.target, err = dst.Topics(ctx); err != nil {
		return nil, nil, fmt.Errorf("target cluster %s: %w", v.s.target, err)
	}
	only, err := compile("topics to compare", v.o.Topics)
	if err != nil {
		return nil, nil, err
	}
	for name := range source {
		asked, err := v.s.filter.copies(name)
		if asked && err == nil && v.o.Topics != nil {
			asked, err = only.matches(name)
		}
		if err != nil {
			return nil, nil, err
		}
		if !asked {
			delete(source, name)
		}
	}
	if len(source) == 0 {
		return nil, nil, fmt.Errorf("the link copies no topic of cluster %s that is asked for", v.s.source)
	}
	names := slices.Sorted(maps.Keys(source))
	if v.configs[0], err = src.TopicConfigs(ctx, names...); err != nil {
		return nil, nil, fmt.Errorf("source cluster %s: %w", v.s.source, err)
	}
	var remotes []string
	for _, name := range names {
		if remote := v.s.remote(name); v.target[remote].Partitions > 0 {
			remotes = append(remotes, remote)
		}
	}
	if len(remotes) > 0 {
		if v.configs[1], err = dst.TopicConfigs(ctx, remotes...); err != nil {
			return nil, nil, fmt.Errorf("target cluster %s: %w", v.s.target, err)
		}
	}
	return partitionsOf(source), v.notes(), nil
}

// wait notes where the source ends, and gives the link time to come there.
func (v *verifier) wait(ctx context.Context, tps []connect.TopicPartition) error {
	if v.o.Wait <= 0 {
		return nil
	}
	specs := map[connect.TopicPartition]int64{}
	for _, tp := range tps {
		specs[tp] = client.Latest
	}
	err := withReader(v.clients, v.s, sourceSide, func(r Reader) (err error) {
		v.ends, err = r.ListOffsets(ctx, specs, false)
		return err
	})
	if err != nil {
		return fmt.Errorf("source cluster %s: %w", v.s.source, err)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(v.o.Wait):
		return nil
	}
}

func (v *verifier) notes() (notes []string) {
	if strings.TrimSpace(v.s.props["transforms"]) != "" {
		notes = append(notes, "the connector has transformations: what they change differs from the source")
	}
	if v.s.policy.identity {
		notes = append(notes, "topics keep their names: what others write to them on the target is told as extra")
	}
	return notes
}

// compareAll compares several partitions at a time, each worker with clients of its own.
func (v *verifier) compareAll(ctx context.Context, tps []connect.TopicPartition, out []PartitionReport) error {
	parallel := v.o.Parallel
	if parallel <= 0 {
		parallel = 4
	}
	var mu sync.Mutex
	next := 0
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1
	}
	g, ctx := errgroup.WithContext(ctx)
	for range min(parallel, len(tps)) {
		g.Go(func() error {
			return v.withReader(sourceSide, func(src Reader) error {
				return v.withReader(targetSide, func(dst Reader) error {
					for i := take(); i < len(tps); i = take() {
						out[i] = v.partition(ctx, src, dst, tps[i])
						v.p.Done.Add(1)
						if err := ctx.Err(); err != nil {
							return err
						}
					}
					return nil
				})
			})
		})
	}
	return g.Wait()
}

// withReader opens a reader of a cluster. The target is read as committed only, or what an exactly-once producer gave up would
// count twice.
func (v *verifier) withReader(side string, use func(Reader) error) error {
	props := v.s.clientProps(side, "consumer", "verify")
	if side == targetSide {
		props["isolation.level"] = "read_committed"
	}
	// A fetch that waits at the end of one range would keep the next range waiting.
	props["fetch.max.wait.ms"] = "50"
	r, err := v.clients.Reader(props)
	if err != nil {
		return err
	}
	return errors.Join(use(r), r.Close())
}

func (c *Counts) add(d Counts) {
	c.Source += d.Source
	c.Target += d.Target
	c.Matched += d.Matched
	c.Missing += d.Missing
	c.Changed += d.Changed
	c.Extra += d.Extra
	c.Duplicates += d.Duplicates
	c.Reordered += d.Reordered
	c.Pending += d.Pending
	c.ExpiredTarget += d.ExpiredTarget
	c.ExpiredSource += d.ExpiredSource
	c.Compacted += d.Compacted
}
