package kgoclient

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/go-hclog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
)

// aclsPerRequest bounds one request for new ACLs.
const aclsPerRequest = 500

// TopicAdmin answers what librdkafka does not tell: topics with their ids in one request, and why ACLs can't be listed. It is
// safe for concurrent use.
type TopicAdmin struct {
	cl      *kgo.Client
	servers string
}

// NewTopicAdmin opens a client of the role Admin. It does not wait for a broker. log may be nil.
func NewTopicAdmin(s *clientconf.Settings, log hclog.Logger) (*TopicAdmin, error) {
	cl, err := Open(s, log)
	if err != nil {
		return nil, err
	}
	return &TopicAdmin{cl: cl, servers: s.Librdkafka["bootstrap.servers"]}, nil
}

// Close ends the client.
func (a *TopicAdmin) Close() { a.cl.Close() }

// fail words an error of a request that got no answer.
func (a *TopicAdmin) fail(what string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: no answer from the Kafka brokers at %s (bootstrap.servers): check that the addresses are right, that the brokers run, "+
		"and that security.protocol and the credentials fit (%w)", what, a.servers, err)
}

// Shapes lists the topics that may be seen, with their ids; older brokers give none.
func (a *TopicAdmin) Shapes(ctx context.Context) (map[string]client.Topic, error) {
	req := kmsg.NewPtrMetadataRequest()
	resp, err := req.RequestWith(ctx, a.cl)
	if err != nil {
		return nil, a.fail("listing topics", err)
	}
	out := make(map[string]client.Topic, len(resp.Topics))
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.ErrorCode != 0 || t.Topic == nil || len(t.Partitions) == 0 {
			continue
		}
		shape := client.Topic{Name: *t.Topic, Partitions: int32(len(t.Partitions)), Replication: int16(len(t.Partitions[0].Replicas))}
		if t.TopicID != [16]byte{} {
			shape.ID = base64.RawURLEncoding.EncodeToString(t.TopicID[:])
		}
		out[shape.Name] = shape
	}
	return out, nil
}

// TopicACLs lists the ACLs of topics. It fails with client.ErrNoAuthorizer where there are none to be had.
func (a *TopicAdmin) TopicACLs(ctx context.Context) ([]client.ACL, error) {
	req := kmsg.NewPtrDescribeACLsRequest()
	req.ResourceType = kmsg.ACLResourceTypeTopic
	req.ResourcePatternType = kmsg.ACLResourcePatternTypeAny
	req.Operation, req.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	resp, err := req.RequestWith(ctx, a.cl)
	if err == nil {
		if err = aclError(resp.ErrorCode, resp.ErrorMessage); err != nil {
			return nil, fmt.Errorf("listing ACLs: %w", err)
		}
	}
	if err != nil {
		return nil, a.fail("listing ACLs", err)
	}
	var out []client.ACL
	for _, r := range resp.Resources {
		for _, acl := range r.ACLs {
			out = append(out, client.ACL{
				Topic: r.ResourceName, Prefixed: r.ResourcePatternType == kmsg.ACLResourcePatternTypePrefixed,
				Principal: acl.Principal, Host: acl.Host, Operation: acl.Operation.String(),
				Allow: acl.PermissionType == kmsg.ACLPermissionTypeAllow,
			})
		}
	}
	return out, nil
}

// CreateTopicACLs adds ACLs of topics; one that is there already is no error. The map holds what failed.
func (a *TopicAdmin) CreateTopicACLs(ctx context.Context, acls ...client.ACL) (map[client.ACL]error, error) {
	failed := map[client.ACL]error{}
	for some := range slices.Chunk(acls, aclsPerRequest) {
		req := kmsg.NewPtrCreateACLsRequest()
		for _, acl := range some {
			c := kmsg.NewCreateACLsRequestCreation()
			c.ResourceType, c.ResourceName, c.ResourcePatternType = kmsg.ACLResourceTypeTopic, acl.Topic, kmsg.ACLResourcePatternTypeLiteral
			if acl.Prefixed {
				c.ResourcePatternType = kmsg.ACLResourcePatternTypePrefixed
			}
			c.Principal, c.Host, c.PermissionType = acl.Principal, acl.Host, kmsg.ACLPermissionTypeDeny
			if acl.Allow {
				c.PermissionType = kmsg.ACLPermissionTypeAllow
			}
			op, err := kmsg.ParseACLOperation(acl.Operation)
			if err != nil {
				return failed, fmt.Errorf("the operation %s of an ACL is not known", acl.Operation)
			}
			c.Operation = op
			req.Creations = append(req.Creations, c)
		}
		resp, err := req.RequestWith(ctx, a.cl)
		if err != nil {
			return failed, a.fail("creating ACLs", err)
		}
		for i, r := range resp.Results {
			if err := aclError(r.ErrorCode, r.ErrorMessage); err != nil && i < len(some) {
				failed[some[i]] = fmt.Errorf("creating an ACL of topic %s for %s: %w", some[i].Topic, some[i].Principal, err)
			}
		}
	}
	return failed, nil
}

// aclError names the errors that callers tell apart.
func aclError(code int16, message *string) error {
	err := kerr.ErrorForCode(code)
	switch {
	case err == nil:
		return nil
	case code == kerr.SecurityDisabled.Code:
		return fmt.Errorf("%w: %w", client.ErrNoAuthorizer, err)
	case message != nil && *message != "":
		err = fmt.Errorf("%w (%s)", err, *message)
	}
	return telling(err)
}
