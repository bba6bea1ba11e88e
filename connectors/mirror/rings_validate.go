package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/connectors/mirror/ring"
	"github.com/connectd/connectd/internal/client"
)

// Bounds of what validating may cost: forms ask again with every field.
const (
	validateTimeout = 5 * time.Second
	dialTimeout     = time.Second
	ringsRefused    = 3 // spelled out in an error
)

const bootstrapServers = "bootstrap.servers"

// checkRings refuses a link by which records would come back to be copied again. It asks the clusters, if both are given and
// answer; that they don't is no error here.
func (c *connector) checkRings(ctx context.Context, props map[string]string, values []config.Value) []config.Value {
	v, err := ringDef.Parse(props)
	if err != nil {
		return checkOwn(ringDef, props, values)
	}
	s, err := parse(props)
	if err != nil || !v.Bool(propCycles) || !s.enabled || !addressed(props) {
		return values
	}
	ctx, cancel := context.WithTimeout(ctx, validateTimeout)
	defer cancel()
	rings, err := c.ringsOf(ctx, s)
	if err != nil || len(rings) == 0 {
		return values
	}
	var b strings.Builder
	b.WriteString("This link would copy records that come back to be copied again: ")
	for i, r := range rings[:min(len(rings), ringsRefused)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(r.String())
	}
	if more := len(rings) - ringsRefused; more > 0 {
		fmt.Fprintf(&b, ", and %d more topics", more)
	}
	return fault(values, propTopics, b.String()+". "+ringAdvice)
}

// addressed tells whether both clusters are given.
func addressed(props map[string]string) bool {
	return props["source.cluster."+bootstrapServers] != "" && props["target.cluster."+bootstrapServers] != ""
}

// ringsOf looks for rings of a link that may not run yet.
func (c *connector) ringsOf(ctx context.Context, s *settings) ([]ring.Ring, error) {
	if err := reachable(ctx, c.dial, s.props); err != nil {
		return nil, err
	}
	src, dst, err := openAdmins(c.clients, s)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	defer dst.Close()
	n, err := around(ctx, c.clients, s, src, dst)
	if err != nil {
		return nil, err
	}
	l, err := n.own.link()
	if err != nil {
		return nil, err
	}
	rings, _ := ring.Rings(l, append(n.others.elders(&n.own, time.Now()), n.foreign...), candidates(n.own, n.topics))
	// Heartbeats that go round are left out when the link runs: nobody would look for a mistake in topics.
	return slices.DeleteFunc(rings, func(r ring.Ring) bool { return s.policy.isHeartbeats(r.Topic) }), nil
}

// neighbourhood is a link and what runs around it.
type neighbourhood struct {
	own     definition
	others  definitions
	foreign []*ring.Link // of Java workers
	topics  [2]map[string]client.Topic
}

// around asks both clusters about a link, which may not run yet, and its neighbours. It only reads.
func around(ctx context.Context, clients Clients, s *settings, src, dst Admin) (n neighbourhood, err error) {
	var books [2]linkBook
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { n.own, err = identify(gctx, s, src, dst); return err })
	for i, a := range []Admin{src, dst} {
		side := []string{sourceSide, targetSide}[i]
		g.Go(func() (err error) { n.topics[i], err = a.Topics(gctx); return err })
		g.Go(func() error {
			// What can't be read is not known.
			_ = withReader(clients, s, side, func(r Reader) error { return books[i].read(gctx, r) })
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return n, err
	}
	now := time.Now()
	n.others = union(books[0].known, books[1].known)
	n.others.expire(now)
	n.own.Since = math.MaxInt64 // what is new yields to all that runs
	if mine := n.others[n.own.key()]; mine.continues(n.own, now) {
		n.own.Since = mine.Since
	}
	n.foreign, _ = javaLinks(ctx, clients, s, n.own, n.topics, n.others)
	return n, nil
}

var plainName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

// candidates are the topics that the link may come to copy: those of the source, those that come from the target, and those
// that the config names, whether they are there yet or not.
func candidates(own definition, topics [2]map[string]client.Topic) []string {
	names := map[string]bool{}
	for _, m := range topics {
		for name := range m {
			names[name] = true
		}
	}
	for _, name := range own.Topics {
		names[name] = names[name] || plainName.MatchString(name)
	}
	maps.DeleteFunc(names, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(names))
}

// openAdmins opens administrative clients of both clusters.
func openAdmins(clients Clients, s *settings) (src, dst Admin, err error) {
	if src, err = clients.Admin(s.clientProps(sourceSide, "admin", "replication-source-admin")); err != nil {
		return nil, nil, fmt.Errorf("source.cluster.*: %w", err)
	}
	if dst, err = clients.Admin(s.clientProps(targetSide, "admin", "replication-target-admin")); err != nil {
		src.Close()
		return nil, nil, fmt.Errorf("target.cluster.*: %w", err)
	}
	return src, dst, nil
}

// dialer opens connections, as net.Dialer does.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// reachable tells at once that nothing listens at the addresses of a cluster, for which clients would wait.
func reachable(ctx context.Context, dial dialer, props map[string]string) error {
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, side := range []string{sourceSide, targetSide} {
		g.Go(func() error {
			var errs []error
			for address := range strings.SplitSeq(props[side+".cluster."+bootstrapServers], ",") {
				conn, err := dial(ctx, "tcp", strings.TrimSpace(address))
				if err == nil {
					return conn.Close()
				}
				errs = append(errs, err)
			}
			return fmt.Errorf("%s cluster: %w", side, errors.Join(errs...))
		})
	}
	return g.Wait()
}
