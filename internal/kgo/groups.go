package kgoclient

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// Groups reads and changes the committed offsets of consumer groups from outside of them. It uses a client that the caller
// closes.
type Groups struct{ admin *kadm.Client }

// NewGroups makes one on a client of the role Admin.
func NewGroups(cl *kgo.Client) *Groups { return &Groups{kadm.NewClient(cl)} }

// Offsets lists a group's committed offsets (next to be read); none for a group that does not exist.
func (g *Groups) Offsets(ctx context.Context, group string) (map[connect.TopicPartition]int64, error) {
	found, err := g.admin.FetchOffsets(ctx, group)
	if err == nil {
		err = found.Error()
	}
	if errors.Is(err, kerr.GroupIDNotFound) {
		return map[connect.TopicPartition]int64{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking for the offsets of consumer group %s: %w", group, err)
	}
	out := map[connect.TopicPartition]int64{}
	found.Each(func(o kadm.OffsetResponse) {
		if o.At >= 0 {
			out[connect.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o.At
		}
	})
	return out, nil
}

// Alter commits offsets of a group without members, and removes those that are nil: all, or none. What can be found out
// before, such as a partition that does not exist, is; and what fails later is undone. errors.Is tells
// client.ErrGroupNotEmpty and client.ErrUnknownTopic.
func (g *Groups) Alter(ctx context.Context, group string, offsets map[connect.TopicPartition]*int64) error {
	if err := g.checkEmpty(ctx, group); err != nil {
		return err
	}
	if err := g.checkPartitions(ctx, offsets); err != nil {
		return err
	}
	before, err := g.Offsets(ctx, group)
	if err != nil {
		return err
	}
	if err := g.change(ctx, group, offsets); err != nil {
		return errors.Join(fmt.Errorf("changing the offsets of consumer group %s: %w", group, err), g.undo(ctx, group, offsets, before))
	}
	return nil
}

// checkEmpty refuses a group with members. It is the brokers that keep others from committing; this only saves a beginning.
func (g *Groups) checkEmpty(ctx context.Context, group string) error {
	found, err := g.admin.DescribeGroups(ctx, group)
	if err != nil {
		return fmt.Errorf("looking at consumer group %s: %w", group, err)
	}
	if n := len(found[group].Members); n > 0 {
		return fmt.Errorf("consumer group %s has %d members: %w", group, n, client.ErrGroupNotEmpty)
	}
	return nil
}

func (g *Groups) checkPartitions(ctx context.Context, offsets map[connect.TopicPartition]*int64) error {
	names := map[string]bool{}
	for tp := range offsets {
		names[tp.Topic] = true
	}
	topics, err := g.admin.ListTopics(ctx, slices.Sorted(maps.Keys(names))...)
	if err != nil {
		return fmt.Errorf("looking at topics: %w", err)
	}
	for tp := range offsets {
		t, ok := topics[tp.Topic]
		if ok && t.Err != nil && !errors.Is(t.Err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("topic %q: %w", tp.Topic, t.Err)
		}
		if _, has := t.Partitions[tp.Partition]; !has {
			return fmt.Errorf("partition %d of topic %q: %w", tp.Partition, tp.Topic, client.ErrUnknownTopic)
		}
	}
	return nil
}

// change commits, then removes.
func (g *Groups) change(ctx context.Context, group string, offsets map[connect.TopicPartition]*int64) error {
	commit, remove := kadm.Offsets{}, kadm.TopicsSet{}
	for tp, at := range offsets {
		if at == nil {
			remove.Add(tp.Topic, tp.Partition)
		} else {
			commit.AddOffset(tp.Topic, tp.Partition, *at, -1)
		}
	}
	if len(commit) > 0 {
		done, err := g.admin.CommitOffsets(ctx, group, commit)
		if err == nil {
			err = done.Error()
		}
		if err != nil {
			return refined(err)
		}
	}
	if len(remove) > 0 {
		done, err := g.admin.DeleteOffsets(ctx, group, remove)
		if err == nil {
			err = done.Error()
		}
		return refined(err)
	}
	return nil
}

// undoTimeout bounds putting back what a failed change has left.
const undoTimeout = 15 * time.Second

// undo puts back the offsets that were there before. Where the group refuses all changes, nothing was changed.
func (g *Groups) undo(ctx context.Context, group string, changed map[connect.TopicPartition]*int64, before map[connect.TopicPartition]int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	now, err := g.Offsets(ctx, group)
	if err != nil {
		return err
	}
	back := map[connect.TopicPartition]*int64{}
	for tp := range changed {
		was, had := before[tp]
		is, has := now[tp]
		switch {
		case had && (!has || is != was):
			back[tp] = &was
		case !had && has:
			back[tp] = nil
		}
	}
	if len(back) == 0 {
		return nil
	}
	if err := g.change(ctx, group, back); err != nil {
		return fmt.Errorf("putting back the former offsets of consumer group %s: %w", group, err)
	}
	return nil
}

// Delete removes a group without members, and its offsets. A group that does not exist is no error.
func (g *Groups) Delete(ctx context.Context, group string) error {
	done, err := g.admin.DeleteGroup(ctx, group)
	if err == nil {
		err = done.Err
	}
	if err == nil || errors.Is(err, kerr.GroupIDNotFound) {
		return nil
	}
	return fmt.Errorf("deleting consumer group %s: %w", group, refined(err))
}

// refined names the errors that callers ask about.
func refined(err error) error {
	for _, busy := range []error{kerr.UnknownMemberID, kerr.GroupSubscribedToTopic, kerr.NonEmptyGroup} {
		if errors.Is(err, busy) {
			return fmt.Errorf("%w: %w", client.ErrGroupNotEmpty, err)
		}
	}
	return err
}
