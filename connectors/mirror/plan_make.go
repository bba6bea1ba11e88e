package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
)

// Plan lists what a mirror connector with this config would create, change and copy when it starts, in both clusters. It writes
// nothing. Which connector it is, connector.class tells: MirrorSource if it is not given.
func Plan(ctx context.Context, clients Clients, props map[string]string) ([]PlanItem, error) {
	if !addressed(props) {
		return nil, errors.New("source.cluster.bootstrap.servers and target.cluster.bootstrap.servers must both be given")
	}
	r := &recorder{}
	var err error
	switch class := props["connector.class"]; {
	case strings.Contains(class, "MirrorCheckpoint"):
		err = planCheckpoints(ctx, clients, props, r)
	case strings.Contains(class, "MirrorHeartbeat"):
		err = planHeartbeats(ctx, clients, props, r)
	default:
		err = planSource(ctx, clients, props, r)
	}
	order := []string{planRefuse, planCreate, planGrow, planAlter, planACL, planCopy, planTranslate}
	slices.SortStableFunc(r.items, func(a, b PlanItem) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Action), slices.Index(order, b.Action)), cmp.Compare(a.Cluster, b.Cluster),
			cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.ACL, b.ACL), cmp.Compare(a.Group, b.Group))
	})
	return r.items, err
}

// planSource has a MirrorSource look once.
func planSource(ctx context.Context, clients Clients, props map[string]string, r *recorder) error {
	s, err := parse(props)
	if err != nil {
		return err
	}
	if !s.enabled {
		return nil
	}
	src, dst, err := openAdmins(clients, s)
	if err != nil {
		return err
	}
	defer src.Close()
	defer dst.Close()
	source, target := &plannedAdmin{Admin: src, r: r, cluster: s.source}, &plannedAdmin{Admin: dst, r: r, cluster: s.target}
	c := &connector{
		clients: clients, s: s, cc: planContext{r: r}, log: slog.New(slog.DiscardHandler), src: source, dst: target,
		life: ctx, busy: make(chan struct{}, 1),
	}
	v, err := ringDef.Parse(props)
	if err != nil {
		return err
	}
	if v.Bool(propCycles) {
		if err := c.planRings(ctx, source, target); err != nil {
			return err
		}
	}
	if _, err := c.refresh(ctx, false); err != nil {
		return err
	}
	var errs []error
	if s.syncConfigs > 0 {
		errs = append(errs, c.syncConfigs(ctx))
	}
	if s.syncACLs > 0 {
		errs = append(errs, c.syncACLs(ctx))
	}
	errs = append(errs, c.planInternal(ctx, source, target))
	r.add(c.copies()...)
	return errors.Join(errs...)
}

// planRings has the connector know what runs around it.
func (c *connector) planRings(ctx context.Context, source, target *plannedAdmin) error {
	n, err := around(ctx, c.clients, c.s, source, target)
	if err != nil {
		return err
	}
	looked := make(chan struct{})
	close(looked)
	c.rings = &ringWatch{s: c.s, log: c.log, own: &n.own, others: n.others, foreign: n.foreign, looked: looked}
	for i, a := range []*plannedAdmin{source, target} {
		if i > 0 && n.own.Source == n.own.Target {
			break
		}
		if err := ensureLinksTopic(ctx, a, n.topics[i]); err != nil {
			return err
		}
	}
	return nil
}

// planInternal notes the topics of the mirror's own that its tasks need.
func (c *connector) planInternal(ctx context.Context, source, target *plannedAdmin) error {
	if !c.s.syncs.enabled {
		return nil
	}
	side, _ := c.s.syncsSide()
	a := source
	if side == targetSide {
		a = target
	}
	syncs, pieces := c.s.syncsTopics()
	return errors.Join(syncs.ensure(ctx, a), pieces.ensure(ctx, a))
}

// copies are the topics that the tasks would copy.
func (c *connector) copies() (items []PlanItem) {
	counts := map[string]int32{}
	for _, tp := range c.known {
		counts[tp.Topic]++
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		items = append(items, PlanItem{Action: planCopy, Cluster: c.s.target, Source: name, Topic: c.s.remote(name), Partitions: counts[name]})
	}
	return items
}

// planCheckpoints has a MirrorCheckpoint look for groups.
func planCheckpoints(ctx context.Context, clients Clients, props map[string]string, r *recorder) error {
	s, err := parseCheckpoint(props)
	if err != nil {
		return err
	}
	if !s.enabled || s.emit == 0 {
		return nil
	}
	groups, err := clients.Groups(s.clientProps("source", "admin", "checkpoint-source-admin"))
	if err != nil {
		return fmt.Errorf("source.cluster.*: %w", err)
	}
	defer groups.Close()
	c := &checkpointConnector{clients: clients, s: s, log: slog.New(slog.DiscardHandler), groups: plannedGroups{groups}}
	bounded, cancel := context.WithTimeout(ctx, s.adminTimeout)
	defer cancel()
	found, err := c.find(bounded)
	if err != nil {
		return fmt.Errorf("source cluster %s: %w", s.source, err)
	}
	for _, g := range found {
		r.add(PlanItem{Action: planTranslate, Cluster: s.target, Group: g, Commits: s.sync > 0})
	}
	return planTopic(ctx, clients, &s.link, r, compacted(s.policy.checkpointsTopic(s.source), s.replication, propCheckpointsRF))
}

func planHeartbeats(ctx context.Context, clients Clients, props map[string]string, r *recorder) error {
	s, err := parseHeartbeat(props)
	if err != nil {
		return err
	}
	return planTopic(ctx, clients, &s.link, r, compacted(heartbeats, s.replication, propHeartbeatsRF))
}

// planTopic notes a topic of the target that would be made.
func planTopic(ctx context.Context, clients Clients, l *link, r *recorder, t internalTopic) error {
	a, err := clients.Admin(l.clientProps("target", "admin", "plan-admin"))
	if err != nil {
		return fmt.Errorf("target.cluster.*: %w", err)
	}
	defer a.Close()
	ctx, cancel := context.WithTimeout(ctx, l.adminTimeout)
	defer cancel()
	return t.ensure(ctx, &plannedAdmin{Admin: a, r: r, cluster: l.target})
}

// planContext is the worker of a connector that only looks.
type planContext struct{ r *recorder }

func (planContext) RequestTaskReconfiguration()   {}
func (planContext) RaiseError(error)              {}
func (planContext) Offsets() connect.OffsetReader { return nil }
func (planContext) Logger() *slog.Logger          { return slog.New(slog.DiscardHandler) }
func (p planContext) Note(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && line != ringAdvice {
			p.r.add(PlanItem{Action: planRefuse, Reason: line})
		}
	}
}

var _ connect.Noter = planContext{}
