package kgoclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/testkit"
)

func topicAdmin(t *testing.T, bootstrap string) (*TopicAdmin, *kadm.Client, context.Context) {
	t.Helper()
	s, err := clientconf.Translate(clientconf.Admin, map[string]string{"bootstrap.servers": bootstrap}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewTopicAdmin(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return a, kadm.NewClient(a.cl), ctx
}

func TestTopicsOfAnOpenCluster(t *testing.T) {
	t.Parallel()
	bootstrap := testkit.Kafka(t)
	t.Run("ids", func(t *testing.T) { shapes(t, bootstrap) })
	t.Run("no authorizer", func(t *testing.T) { noAuthorizer(t, bootstrap) })
}

// shapes tells a topic from one that was made anew with its name.
func shapes(t *testing.T, bootstrap string) {
	a, adm, ctx := topicAdmin(t, bootstrap)
	const topic = "shapes"
	look := func(want func(client.Topic) bool) (got client.Topic) {
		t.Helper()
		testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
			all, err := a.Shapes(ctx)
			if got = all[topic]; err == nil && !want(got) {
				err = fmt.Errorf("have %+v", got)
			}
			return err
		})
		return got
	}
	if _, err := adm.CreateTopic(ctx, 3, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	first := look(func(s client.Topic) bool {
		return s.ID != "" && s.Partitions == 3 && s.Replication == 1 && s.Name == topic
	})
	if _, err := adm.DeleteTopic(ctx, topic); err != nil {
		t.Fatal(err)
	}
	look(func(s client.Topic) bool { return s == client.Topic{} })
	if _, err := adm.CreateTopic(ctx, 3, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	look(func(s client.Topic) bool { return s.ID != "" && s.ID != first.ID })
}

func TestTopicACLs(t *testing.T) {
	t.Parallel()
	b := testkit.StartBroker(t, testkit.Property("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
		testkit.Property("super.users", "User:ANONYMOUS"))
	a, adm, ctx := topicAdmin(t, b.Bootstrap)
	want := []client.ACL{
		{Topic: "*", Principal: "User:x", Host: "*", Operation: client.OperationRead, Allow: true},
		{Topic: "a", Principal: "User:x", Host: "1.2.3.4", Operation: client.OperationAll, Allow: true},
		{Topic: "a", Principal: "User:y", Host: "*", Operation: "DESCRIBE_CONFIGS"},
		{Topic: "a", Prefixed: true, Principal: "User:x", Host: "*", Operation: client.OperationWrite, Allow: true},
	}
	for range 2 { // the second time they are there
		if failed, err := a.CreateTopicACLs(ctx, want...); err != nil || len(failed) > 0 {
			t.Fatal(failed, err)
		}
	}
	group := kadm.NewACLs().Allow("User:x").AllowHosts("*").Groups("a").Operations(kmsg.ACLOperationRead).ResourcePatternType(kadm.ACLPatternLiteral)
	if _, err := adm.CreateACLs(ctx, group); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		got, err := a.TopicACLs(ctx)
		if err != nil {
			return err
		}
		order := func(x, y client.ACL) int { return strings.Compare(fmt.Sprint(x), fmt.Sprint(y)) }
		slices.SortFunc(got, order)
		slices.SortFunc(want, order)
		if !slices.Equal(got, want) {
			return fmt.Errorf("have %v", got)
		}
		return nil
	})
	failed, err := a.CreateTopicACLs(ctx, client.ACL{Topic: "a", Principal: "nobody", Host: "*", Operation: client.OperationRead, Allow: true})
	if err != nil || len(failed) != 1 {
		t.Error("a principal without a type was taken", failed, err)
	}
	if _, err := a.CreateTopicACLs(ctx, client.ACL{Operation: "DANCE"}); err == nil {
		t.Error("an unknown operation was taken")
	}
}

func noAuthorizer(t *testing.T, bootstrap string) {
	a, _, ctx := topicAdmin(t, bootstrap)
	if _, err := a.TopicACLs(ctx); !errors.Is(err, client.ErrNoAuthorizer) {
		t.Error(err)
	}
	acl := client.ACL{Topic: "a", Principal: "User:x", Host: "*", Operation: client.OperationRead, Allow: true}
	if failed, err := a.CreateTopicACLs(ctx, acl); err != nil || !errors.Is(failed[acl], client.ErrNoAuthorizer) {
		t.Error(failed, err)
	}
}

func TestNoBrokers(t *testing.T) {
	t.Parallel()
	a, _, ctx := topicAdmin(t, "127.0.0.1:1")
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := a.Shapes(ctx); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1 (bootstrap.servers)") {
		t.Error(err)
	}
}
