package mirror

import (
	"context"
	"errors"
	"maps"
	"sync"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// A plan is made by the connectors' own code, on clients that note what they are told to change instead of doing it: so it can't
// say anything else than what would happen.

// recorder keeps the items of a plan. It is safe for concurrent use.
type recorder struct {
	mu    sync.Mutex
	items []PlanItem
}

func (r *recorder) add(items ...PlanItem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items = append(r.items, items...)
}

// plannedAdmin reads a cluster, and notes what would be changed in it. To those who ask, what it was told is there.
type plannedAdmin struct {
	Admin
	r       *recorder
	cluster string // alias

	mu     sync.Mutex
	topics map[string]client.Topic
	made   map[string]client.TopicSpec
}

func (a *plannedAdmin) Topics(ctx context.Context) (map[string]client.Topic, error) {
	return a.there(a.Admin.Topics(ctx))
}

func (a *plannedAdmin) Shapes(ctx context.Context) (map[string]client.Topic, error) {
	return a.there(a.Admin.Shapes(ctx))
}

// there adds what was to be made.
func (a *plannedAdmin) there(topics map[string]client.Topic, err error) (map[string]client.Topic, error) {
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.topics = maps.Clone(topics)
	for name, s := range a.made {
		topics[name] = client.Topic{Name: name, Partitions: s.Partitions, Replication: s.Replication}
	}
	return topics, nil
}

// CreateTopics notes the topics that are not there.
func (a *plannedAdmin) CreateTopics(ctx context.Context, specs ...client.TopicSpec) (map[string]error, error) {
	topics, err := a.Admin.Topics(ctx)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	failed := map[string]error{}
	for _, s := range specs {
		_, has := topics[s.Name]
		if _, made := a.made[s.Name]; has || made {
			failed[s.Name] = client.ErrTopicExists
			continue
		}
		if a.made == nil {
			a.made = map[string]client.TopicSpec{}
		}
		a.made[s.Name] = s
		a.r.add(PlanItem{Action: planCreate, Cluster: a.cluster, Topic: s.Name, Partitions: s.Partitions, Replication: s.Replication, Set: s.Config})
	}
	return failed, nil
}

// CreatePartitions notes what would grow.
func (a *plannedAdmin) CreatePartitions(ctx context.Context, counts map[string]int32) (map[string]error, error) {
	topics, err := a.Admin.Topics(ctx)
	if err != nil {
		return nil, err
	}
	for name, n := range counts {
		a.r.add(PlanItem{Action: planGrow, Cluster: a.cluster, Topic: name, Partitions: n, Before: topics[name].Partitions})
	}
	return nil, nil
}

// TopicConfigs knows topics that were to be made by their settings.
func (a *plannedAdmin) TopicConfigs(ctx context.Context, topics ...string) (map[string]map[string]client.ConfigEntry, error) {
	out := map[string]map[string]client.ConfigEntry{}
	var ask []string
	a.mu.Lock()
	for _, name := range topics {
		s, made := a.made[name]
		if !made {
			ask = append(ask, name)
			continue
		}
		out[name] = map[string]client.ConfigEntry{}
		for k, v := range s.Config {
			out[name][k] = client.ConfigEntry{Value: v, Source: client.TopicConfig}
		}
	}
	a.mu.Unlock()
	if len(ask) == 0 {
		return out, nil
	}
	found, err := a.Admin.TopicConfigs(ctx, ask...)
	maps.Copy(out, found)
	return out, err
}

// AlterTopicConfigs notes the changes.
func (a *plannedAdmin) AlterTopicConfigs(_ context.Context, changes ...client.ConfigChange) (map[string]error, error) {
	for _, ch := range changes {
		a.r.add(PlanItem{Action: planAlter, Cluster: a.cluster, Topic: ch.Topic, Set: ch.Set, Delete: ch.Delete})
	}
	return nil, nil
}

// CreateTopicACLs notes the ACLs.
func (a *plannedAdmin) CreateTopicACLs(_ context.Context, acls ...client.ACL) (map[client.ACL]error, error) {
	for _, acl := range acls {
		a.r.add(PlanItem{Action: planACL, Cluster: a.cluster, Topic: acl.Topic, ACL: aclText(acl)})
	}
	return nil, nil
}

// plannedGroups reads groups, and commits nothing.
type plannedGroups struct{ GroupAdmin }

var errPlanned = errors.New("a plan writes nothing")

func (plannedGroups) Commit(context.Context, string, map[connect.TopicPartition]client.GroupOffset) (map[connect.TopicPartition]error, error) {
	return nil, errPlanned
}
