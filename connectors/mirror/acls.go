package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/connectd/connectd/internal/client"
)

// aclSync is what a connector remembers of copying ACLs.
type aclSync struct {
	off bool // one of the clusters keeps no ACLs
}

// targetACLs gives the ACLs of the target's topics that follow from the source's, as MirrorMaker chooses them: those of
// single topics that are copied, and of all topics (*, which is a name to it), named as the topic is there. Nobody but
// the mirror is let to write to copies, so permissions to write are left out and those to do all become those to read.
func (s *settings) targetACLs(source []client.ACL) ([]client.ACL, error) {
	var out []client.ACL
	seen := map[client.ACL]bool{}
	for _, acl := range source {
		if acl.Prefixed || acl.Allow && acl.Operation == client.OperationWrite {
			continue
		}
		if copied, err := s.filter.copies(acl.Topic); err != nil {
			return nil, err
		} else if !copied {
			continue
		}
		if acl.Allow && acl.Operation == client.OperationAll {
			acl.Operation = client.OperationRead
		}
		acl.Topic = s.remote(acl.Topic)
		if !seen[acl] {
			seen[acl] = true
			out = append(out, acl)
		}
	}
	return out, nil
}

// missingACLs leaves out what is there already.
func missingACLs(want, have []client.ACL) []client.ACL {
	there := make(map[client.ACL]bool, len(have))
	for _, acl := range have {
		there[acl] = true
	}
	var out []client.ACL
	for _, acl := range want {
		if !there[acl] {
			out = append(out, acl)
		}
	}
	return out
}

// syncACLs gives the target's topics the ACLs that they lack. None is ever taken away, as MirrorMaker takes none away.
func (c *connector) syncACLs(ctx context.Context) error {
	ctx, release, err := c.acquire(ctx)
	if err != nil || c.aclSync.off {
		if err == nil {
			release()
		}
		return err
	}
	defer release()
	ctx, cancel := c.within(ctx)
	defer cancel()
	source, err := c.src.TopicACLs(ctx)
	switch {
	case errors.Is(err, client.ErrNoAuthorizer):
		c.noACLs("source cluster " + c.s.source)
		return nil
	case err != nil:
		return fmt.Errorf("source cluster %s: %w", c.s.source, err)
	}
	want, err := c.s.targetACLs(source)
	if err != nil {
		return err
	}
	if len(want) == 0 {
		return nil
	}
	have, err := c.dst.TopicACLs(ctx)
	switch {
	case errors.Is(err, client.ErrNoAuthorizer):
		c.noACLs("target cluster " + c.s.target)
		return nil
	case errors.Is(err, client.ErrUnauthorized):
		have = nil // creating an ACL that is there already does no harm
	case err != nil:
		return fmt.Errorf("target cluster %s: %w", c.s.target, err)
	}
	add := missingACLs(want, have)
	if len(add) == 0 {
		return nil
	}
	failed, err := c.dst.CreateTopicACLs(ctx, add...)
	if err != nil {
		return fmt.Errorf("target cluster %s: %w", c.s.target, err)
	}
	c.log.Info("ACLs of topics were copied", "added", len(add)-len(failed), "failed", len(failed))
	for _, err := range failed {
		if errors.Is(err, client.ErrNoAuthorizer) {
			c.noACLs("target cluster " + c.s.target)
			return nil
		}
		c.log.Warn("an ACL can't be copied", "error", err)
	}
	return nil
}

// noACLs gives up for as long as the connector runs.
func (c *connector) noACLs(cluster string) {
	c.aclSync.off = true
	c.log.Info("ACLs of topics are not copied: the " + cluster + " has no authorizer. Set sync.topic.acls.enabled=false if there is to be none")
}
