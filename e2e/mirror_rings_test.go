package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestMirrorLinks looks at links from outside: rings, plans and verification, on the same clusters.
func TestMirrorLinks(t *testing.T) {
	t.Parallel()
	a, b := testkit.StartBroker(t), testkit.StartBroker(t)
	c, err := kgoclient.StartEmbedded(kgoclient.EmbeddedConfig{ClusterID: "third"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	n := startNode(t, a.Bootstrap, "rings", nil)
	r := &ringTest{n: n, addresses: map[string]string{"A": a.Bootstrap, "B": b.Bootstrap, "C": c.Bootstrap()}}
	t.Run("rings", r.rings)
	t.Run("plan", r.plan)
	t.Run("verify", r.verify)
}

// rings links clusters in circles. Each link by which records would come back to be copied again is refused, or leaves the
// topic out when the circle comes into being later; and links both ways with names that tell where a topic is from are left
// alone.
func (r *ringTest) rings(t *testing.T) {
	n := r.n
	for _, topic := range []string{"one", "two", "act"} {
		createTopic(t, r.addresses["A"], topic, 1, nil)
	}
	createTopic(t, r.addresses["B"], "act", 1, nil)

	t.Run("of one", func(t *testing.T) {
		self := r.link("A", "A", "one,.*[.]one", false)
		self["target.cluster.alias"] = "B"
		r.refused(t, "self", self, "A:one -> A:A.one (link self; A and B are the same cluster)")
		same := r.link("A", "A", "one", true)
		same["target.cluster.alias"] = "B"
		r.refused(t, "self", same, "A:one -> A:one (link self; A and B are the same cluster)")
		self["topics"] = "one" // a copy beside the original, which is not copied again
		r.allowed(t, "self", self)
	})
	t.Run("of two and three", func(t *testing.T) {
		create(t, n.url, "ab", r.link("A", "B", "two", true))
		r.becomesRefused(t, "ba", r.link("B", "A", "two", true), "B:two -> A:two -> B:two (links ba, ab)")
		r.refused(t, "ba", r.link("B", "A", "t[uvw]o.*", true), "B:two -> A:two -> B:two (links ba, ab)")
		other := r.link("B", "A", "two", true)
		other["source.cluster.alias"], other["target.cluster.alias"] = "X", "Y"
		r.refused(t, "ba", other, "X:two -> Y:two -> X:two (links ba, ab; Y and A are the same cluster; X and B are the same cluster)")
		r.allowed(t, "ba", merged(r.link("B", "A", "two", true), map[string]string{"cycle.detection.enabled": "false"}))
		r.allowed(t, "ba", r.link("B", "A", "two", false))

		create(t, n.url, "bc", r.link("B", "C", "two", true))
		r.becomesRefused(t, "ca", r.link("C", "A", "two", true), "C:two -> A:two -> B:two -> C:two (links ca, ab, bc)")
		// By a later change of what is copied.
		create(t, n.url, "ca", r.link("C", "A", "other", true))
		r.refused(t, "ca", r.link("C", "A", "other,two", true), "C:two -> A:two -> B:two -> C:two (links ca, ab, bc)")
		testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
			status, err := call(ctx, http.MethodPut, n.url+"/connectors/ca/config", r.link("C", "A", "two", true), nil)
			if status != http.StatusBadRequest {
				return fmt.Errorf("a change that closes a ring was answered %d (%v)", status, err)
			}
			return nil
		})
		for _, name := range []string{"ab", "bc", "ca"} {
			do(t, http.MethodDelete, n.url+"/connectors/"+name, nil, nil)
		}
	})
	t.Run("later", func(t *testing.T) { r.later(t) })
	t.Run("both ways with the default policy", func(t *testing.T) { r.bothWays(t) })
}

// ringTest is what the parts of TestMirrorLinks share.
type ringTest struct {
	n         *node
	addresses map[string]string
}

const identityPolicy = "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"

func (r *ringTest) link(source, target, topics string, identity bool) map[string]string {
	conf := merged(mirrorConfig(r.addresses[source], r.addresses[target], topics, 1), map[string]string{
		"source.cluster.alias": source, "target.cluster.alias": target, "cycle.detection.interval.ms": "500",
		"emit.offset-syncs.enabled": "false",
	})
	delete(conf, "offset-syncs.topic.replication.factor")
	delete(conf, "offset.lag.max")
	// The worker's cluster is A.
	conf["producer.override.bootstrap.servers"] = r.addresses[target]
	if identity {
		conf["replication.policy.class"] = identityPolicy
	}
	return conf
}

// faults validates a config and gives what is wrong with its topics.
func (r *ringTest) faults(ctx context.Context, name string, conf map[string]string) (string, error) {
	var infos struct {
		Configs []struct {
			Value struct {
				Name   string   `json:"name"`
				Errors []string `json:"errors"`
			} `json:"value"`
		} `json:"configs"`
	}
	conf = merged(conf, map[string]string{"name": name})
	if _, err := call(ctx, http.MethodPut, r.n.url+"/connector-plugins/MirrorSource/config/validate", conf, &infos); err != nil {
		return "", err
	}
	var all []string
	for _, c := range infos.Configs {
		for _, e := range c.Value.Errors {
			all = append(all, c.Value.Name+": "+e)
		}
	}
	return strings.Join(all, "\n"), nil
}

// refused validates and creates a link that must not be. A cluster that does not answer in time is no reason to refuse one, so
// that on a slow machine it may take more than one attempt.
func (r *ringTest) refused(t *testing.T, name string, conf map[string]string, ring string) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		faults, err := r.faults(ctx, name, conf)
		if err == nil && (!strings.HasPrefix(faults, "topics: ") || !strings.Contains(faults, ring)) {
			err = fmt.Errorf("validated:\ngot  %s\nwant %s", faults, ring)
		}
		return err
	})
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		status, err := call(ctx, http.MethodPost, r.n.url+"/connectors", map[string]any{"name": name, "config": conf}, nil)
		switch {
		case status == http.StatusCreated:
			do(t, http.MethodDelete, r.n.url+"/connectors/"+name, nil, nil)
			return errors.New("the connector was created")
		case status == http.StatusBadRequest && strings.Contains(err.Error(), ring):
			return nil
		}
		return fmt.Errorf("created: %d, %w", status, err)
	})
}

// becomesRefused is refused for a ring through a link that has just been started.
func (r *ringTest) becomesRefused(t *testing.T, name string, conf map[string]string, ring string) {
	t.Helper()
	r.becomesKnown(t, name, conf)
	r.refused(t, name, conf, ring)
}

// becomesKnown waits until a link that has just been started is known to one that would go the other way.
func (r *ringTest) becomesKnown(t *testing.T, name string, conf map[string]string) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		faults, err := r.faults(ctx, name, conf)
		if err == nil && faults == "" {
			err = errors.New("the link is not known yet")
		}
		return err
	})
}

func (r *ringTest) allowed(t *testing.T, name string, conf map[string]string) {
	t.Helper()
	if faults, err := r.faults(t.Context(), name, conf); err != nil || faults != "" {
		t.Errorf("refused: %s (%v)", faults, err)
	}
}

// later closes a ring by a topic that did not exist when the links were made. The younger link leaves it out, and takes it up
// again when the older one goes.
func (r *ringTest) later(t *testing.T) {
	create(t, r.n.url, "old", r.link("A", "B", "late.*", true))
	r.becomesKnown(t, "young", r.link("B", "A", "late", true))
	create(t, r.n.url, "young", r.link("B", "A", "late.*", true))
	createTopic(t, r.addresses["A"], "late", 1, nil)
	cl := kafkaClient(t, r.addresses["A"], kgo.DefaultProduceTopic("late"))
	const records = 10
	for i := range records {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	trace := func(ctx context.Context, name string) (string, error) {
		var s status
		err := r.n.get(ctx, "/connectors/"+name+"/status", &s)
		if err == nil && s.Connector.State != "RUNNING" {
			err = fmt.Errorf("connector %s is %s", name, s.Connector.State)
		}
		return s.Connector.Trace, err
	}
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		text, err := trace(ctx, "young")
		if err == nil && !strings.Contains(text, "topic late is not copied") || !strings.Contains(text, "B:late -> A:late -> B:late (links young, old)") {
			err = fmt.Errorf("its status says %q (%v)", text, err)
		}
		return err
	})
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		got, err := ends(ctx, kafkaClient(t, r.addresses["B"]), "late")
		if err == nil && got < records {
			err = fmt.Errorf("%d of %d records have been copied", got, records)
		}
		return err
	})
	if text, err := trace(t.Context(), "old"); err != nil || strings.Contains(text, "come back") {
		t.Errorf("the older link says %q (%v)", text, err)
	}
	if got, err := ends(t.Context(), kafkaClient(t, r.addresses["A"]), "late"); err != nil || got != records {
		t.Errorf("%d records came back (%v)", got-records, err)
	}
	do(t, http.MethodDelete, r.n.url+"/connectors/old", nil, nil)
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		text, err := trace(ctx, "young")
		if err == nil && strings.Contains(text, "come back") {
			err = fmt.Errorf("the ring is gone, but its status says %s", text)
		}
		return err
	})
	do(t, http.MethodDelete, r.n.url+"/connectors/young", nil, nil)
}

// bothWays copies in both directions at once.
func (r *ringTest) bothWays(t *testing.T) {
	create(t, r.n.url, "there", r.link("A", "B", "act,.*[.]act", false))
	create(t, r.n.url, "back", r.link("B", "A", "act,.*[.]act", false))
	for _, cluster := range []string{"A", "B"} {
		cl := kafkaClient(t, r.addresses[cluster], kgo.DefaultProduceTopic("act"))
		if err := cl.ProduceSync(t.Context(), kgo.StringRecord("from "+cluster)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for _, copied := range [][2]string{{"A", "B.act"}, {"B", "A.act"}} {
		testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
			got, err := ends(ctx, kafkaClient(t, r.addresses[copied[0]]), copied[1])
			if err == nil && got < 1 {
				err = fmt.Errorf("%d records in %s of %s", got, copied[1], copied[0])
			}
			return err
		})
	}
	r.allowed(t, "there", r.link("A", "B", "act,.*[.]act", false))
	for _, name := range []string{"there", "back"} {
		var s status
		if err := r.n.get(t.Context(), "/connectors/"+name+"/status", &s); err != nil || strings.Contains(s.Connector.Trace, "come back") {
			t.Errorf("%s: %q (%v)", name, s.Connector.Trace, err)
		}
	}
}
