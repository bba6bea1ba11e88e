package kgoclient

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/go-hclog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
)

const (
	// groupsPerFetch is how many groups one question for positions names. The answer holds all of their partitions.
	groupsPerFetch = 500
	// offsetsPerCommit bounds one commit: its records go into one batch of the brokers' offsets topic.
	offsetsPerCommit = 1000
)

// GroupAdmin reads and commits the positions of many consumer groups, from outside of them. It is safe for concurrent use.
type GroupAdmin struct {
	cl    *kgo.Client
	admin *kadm.Client
}

// NewGroupAdmin opens a client of the role Admin. It does not wait for a broker. log may be nil.
func NewGroupAdmin(s *clientconf.Settings, log hclog.Logger) (*GroupAdmin, error) {
	cl, err := Open(s, log)
	if err != nil {
		return nil, err
	}
	return &GroupAdmin{cl: cl, admin: kadm.NewClient(cl)}, nil
}

// Close ends the client.
func (g *GroupAdmin) Close() { g.cl.Close() }

// Groups lists the groups of consumers, of the classic and the consumer protocol (KIP-848), by name; groups to which
// nothing but commits belongs are among them. It is an error when a broker does not answer.
func (g *GroupAdmin) Groups(ctx context.Context) (map[string]client.Group, error) {
	listed, err := g.admin.ListGroups(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing consumer groups: %w", telling(err))
	}
	out := make(map[string]client.Group, len(listed))
	var unknown []string // brokers before 2.6 don't list states
	for name, l := range listed {
		if l.ProtocolType != "consumer" && l.ProtocolType != "" {
			continue
		}
		out[name] = client.Group{State: l.State}
		if l.State == "" {
			unknown = append(unknown, name)
		}
	}
	for some := range slices.Chunk(unknown, groupsPerFetch) {
		described, err := g.admin.DescribeGroups(ctx, some...)
		if err != nil {
			return nil, fmt.Errorf("looking at consumer groups: %w", telling(err))
		}
		for name, d := range described {
			out[name] = client.Group{State: d.State}
		}
	}
	return out, nil
}

// Offsets gives committed positions; the second map holds what failed, by group. A group that does not exist has none.
// errors.Is tells client.ErrUnauthorized.
func (g *GroupAdmin) Offsets(ctx context.Context, groups []string) (map[string]map[connect.TopicPartition]client.GroupOffset, map[string]error) {
	out := make(map[string]map[connect.TopicPartition]client.GroupOffset, len(groups))
	failed := map[string]error{}
	for some := range slices.Chunk(groups, groupsPerFetch) {
		answers := g.admin.FetchManyOffsets(ctx, some...)
		for _, name := range some {
			answer, has := answers[name]
			err := answer.Err
			switch {
			case !has:
				err = errors.New("the brokers gave no answer")
			case errors.Is(err, kerr.GroupIDNotFound):
				err = nil
			}
			if err != nil {
				failed[name] = telling(err)
				continue
			}
			out[name], err = positions(answer.Fetched)
			if err != nil {
				failed[name] = telling(err)
			}
		}
	}
	return out, failed
}

// positions takes the committed positions out of an answer.
func positions(fetched kadm.OffsetResponses) (map[connect.TopicPartition]client.GroupOffset, error) {
	out := map[connect.TopicPartition]client.GroupOffset{}
	var err error
	fetched.Each(func(o kadm.OffsetResponse) {
		switch {
		case o.Err != nil:
			err = fmt.Errorf("%s-%d: %w", o.Topic, o.Partition, o.Err)
		case o.At >= 0:
			out[connect.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = client.GroupOffset{At: o.At, Metadata: o.Metadata}
		}
	})
	return out, err
}

// Commit commits positions for a group without members, of either protocol: the brokers refuse a commit that names no
// member for any other, which errors.Is tells as client.ErrGroupNotEmpty. The map holds what failed for single partitions.
func (g *GroupAdmin) Commit(ctx context.Context, group string, offsets map[connect.TopicPartition]client.GroupOffset) (map[connect.TopicPartition]error, error) {
	failed := map[connect.TopicPartition]error{}
	tps := make([]connect.TopicPartition, 0, len(offsets))
	for tp := range offsets {
		tps = append(tps, tp)
	}
	for some := range slices.Chunk(tps, offsetsPerCommit) {
		batch := kadm.Offsets{}
		for _, tp := range some {
			batch.Add(kadm.Offset{Topic: tp.Topic, Partition: tp.Partition, At: offsets[tp].At, LeaderEpoch: -1, Metadata: offsets[tp].Metadata})
		}
		done, err := g.admin.CommitOffsets(ctx, group, batch)
		if err != nil {
			return failed, fmt.Errorf("committing for consumer group %s: %w", group, telling(refined(err)))
		}
		done.Each(func(o kadm.OffsetResponse) {
			if o.Err == nil {
				return
			}
			e := telling(refined(o.Err))
			if errors.Is(e, client.ErrGroupNotEmpty) || errors.Is(o.Err, kerr.GroupAuthorizationFailed) {
				err = fmt.Errorf("committing for consumer group %s: %w", group, e) // all of them are refused
			}
			failed[connect.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = e
		})
		if err != nil {
			return failed, err
		}
	}
	return failed, nil
}

// Bounds gives where partitions begin and end, open transactions included; those that don't exist are left out.
func (g *GroupAdmin) Bounds(ctx context.Context, tps []connect.TopicPartition) (map[connect.TopicPartition]client.Bounds, error) {
	topics := kadm.TopicsSet{}
	for _, tp := range tps {
		topics.Add(tp.Topic, tp.Partition)
	}
	names := topics.Topics()
	slices.Sort(names)
	starts, err := g.admin.ListStartOffsets(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("asking where partitions begin: %w", telling(err))
	}
	ends, err := g.admin.ListEndOffsets(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("asking where partitions end: %w", telling(err))
	}
	out := make(map[connect.TopicPartition]client.Bounds, len(tps))
	for _, tp := range tps {
		s, has := starts.Lookup(tp.Topic, tp.Partition)
		e, too := ends.Lookup(tp.Topic, tp.Partition)
		if has && too && s.Err == nil && e.Err == nil && s.Offset >= 0 && e.Offset >= 0 {
			out[tp] = client.Bounds{Start: s.Offset, End: e.Offset}
		}
	}
	return out, nil
}

// telling names the errors about permissions.
func telling(err error) error {
	for _, denied := range []error{kerr.GroupAuthorizationFailed, kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed} {
		if errors.Is(err, denied) {
			return fmt.Errorf("%w: %w", client.ErrUnauthorized, err)
		}
	}
	return err
}
