package raw

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/connectd/connectd/internal/client"
)

// telling makes errors answer to the client package's names.
func telling(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed),
		errors.Is(err, kerr.ClusterAuthorizationFailed), errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return fmt.Errorf("%w: %w", client.ErrUnauthorized, err)
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.InconsistentTopicID):
		return fmt.Errorf("%w: %w", client.ErrUnknownTopic, err)
	case errors.Is(err, kerr.OffsetOutOfRange):
		return fmt.Errorf("%w: %w", client.ErrOffsetOutOfRange, err)
	default:
		return err
	}
}

// unreachable words the end of a wait for a cluster that did not answer.
func (c *Cluster) unreachable(what string, cause error) error {
	if errors.Is(cause, context.Canceled) {
		return cause
	}
	return fmt.Errorf("%s: no answer from the Kafka brokers at %s (bootstrap.servers): check that the addresses are right, "+
		"that the brokers run, and that security.protocol and the credentials fit (%w)", what, strings.Join(c.servers, ","), cause)
}
