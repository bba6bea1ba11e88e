package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/mm2conf"
	"github.com/connectd/connectd/internal/testkit"
)

func mirrorProperties(more map[string]string) map[string]string {
	props := map[string]string{
		"clusters": "A,B", "A.bootstrap.servers": "127.0.0.1:1", "B.bootstrap.servers": "127.0.0.1:1", "A->B.enabled": "true",
		"replication.factor": "1", "checkpoints.topic.replication.factor": "1", "heartbeats.topic.replication.factor": "1",
		"offset-syncs.topic.replication.factor": "1", "offset.storage.replication.factor": "1",
		"status.storage.replication.factor": "1", "config.storage.replication.factor": "1", "refresh.topics.interval.seconds": "1",
		"sync.topic.acls.enabled": "false", "emit.heartbeats.enabled": "false",
	}
	maps.Copy(props, more)
	return props
}

// TestMirrorFaults: what is wrong with a file is told at start, in one line for each fault, with the flow where one is concerned.
func TestMirrorFaults(t *testing.T) {
	testkit.NoLeaks(t)
	for _, tc := range []struct {
		name, value string
		targets     []string
		want        string
	}{
		{"A->B.enabled", "false", nil, "Invalid value A,B for configuration clusters: No source->target replication flows"},
		{"A->C.enabled", "true", nil, "Invalid value true for configuration A->C.enabled: C is none of the clusters"},
		{"", "", []string{"C"}, "Invalid value C for configuration --clusters: C is none of the clusters"},
		{"B.bootstrap.servers", "nowhere", nil, "A->B: Invalid value nowhere for configuration bootstrap.servers"},
		{"B.session.timeout.ms", "soon", nil, "A->B: Invalid value soon for configuration session.timeout.ms"},
		{"A->B.tasks.max", "many", nil, "A->B: Invalid value many for configuration tasks.max"},
		{"replication.factor", "0", nil, "A->B: Invalid value 0 for configuration replication.factor"},
		{"refresh.topics.interval.seconds", "x", nil, "A->B: Invalid value x for configuration refresh.topics.interval.seconds"},
		{"config.providers.f.class", "x.Unknown", nil, "Invalid value x.Unknown for configuration config.providers.f.class"},
		{"listeners", "ftp://:1", nil, `Invalid value ftp://:1 for configuration listeners: Listener protocol must be either "http" or "https".`},
		{"listeners", "https://127.0.0.1:0", nil, "ssl.keystore.location is missing"},
	} {
		props := mirrorProperties(map[string]string{"config.providers": "f", "dedicated.mode.enable.internal.rest": "true", "listeners": "http://127.0.0.1:0"})
		if tc.name != "" {
			props[tc.name] = tc.value
		}
		m, err := NewMirror(t.Context(), props, tc.targets, options(io.Discard))
		if err == nil {
			m.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s=%s: %v; want one line with %q", tc.name, tc.value, err, tc.want)
		}
		if !errors.As(err, new(*ConfigError)) {
			t.Errorf("%s=%s: %T is no fault of the properties", tc.name, tc.value, err)
		}
	}
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func cluster(t *testing.T, id string) *kgoclient.Embedded {
	t.Helper()
	e, err := kgoclient.StartEmbedded(kgoclient.EmbeddedConfig{ClusterID: id, AutoCreateTopics: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// TestMirrorOutlivesACluster: a flow whose target can't be reached is tried again, and the others work meanwhile.
func TestMirrorOutlivesACluster(t *testing.T) {
	testkit.NoLeaks(t)
	a, b := cluster(t, "a"), cluster(t, "b")
	log := &syncBuffer{}
	m, err := NewMirror(t.Context(), mirrorProperties(map[string]string{
		"clusters": "A,B,C", "A.bootstrap.servers": a.Bootstrap(), "B.bootstrap.servers": b.Bootstrap(),
		"C.bootstrap.servers": "127.0.0.1:1", "C.default.api.timeout.ms": "100", "A->C.enabled": "true",
		"dedicated.mode.enable.internal.rest": "true", "listeners": "http://127.0.0.1:0", "rest.advertised.host.name": "127.0.0.1",
	}), nil, options(log))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(m.Flows()); got != "[A->B A->C]" {
		t.Error(got)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- m.Run(ctx) }()

	producer := kafkaClient(t, a)
	if err := producer.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("1")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	copies := kafkaClient(t, b, kgo.ConsumeTopics("A.orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if fs := copies.PollFetches(ctx); fs.NumRecords() == 0 {
			return errors.New("nothing was copied yet: " + log.String())
		}
		return nil
	})
	testkit.Eventually(t, time.Minute, func(context.Context) error {
		if text := log.String(); !strings.Contains(text, "a flow could not go on; it starts again: flow=A->C") {
			return errors.New(text)
		}
		return nil
	})
	expectStatus(t, m.URL()+"A/B/health", http.StatusOK)
	expectStatus(t, m.URL()+"A/C/health", http.StatusServiceUnavailable)
	expectStatus(t, m.URL()+"health", http.StatusServiceUnavailable)
	expectStatus(t, m.URL()+"B/A/health", http.StatusNotFound)
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}

// TestMirrorWithoutClusters: when no flow can go on, that ends the node with one line.
func TestMirrorWithoutClusters(t *testing.T) {
	testkit.NoLeaks(t)
	m, err := NewMirror(t.Context(), mirrorProperties(map[string]string{
		"A.default.api.timeout.ms": "100", "B.default.api.timeout.ms": "100", "B->A.enabled": "true",
	}), nil, options(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	err = m.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "->") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

// TestKeeper: only when all flows are down at the same time there is no going on.
func TestKeeper(t *testing.T) {
	ab, ba := mm2conf.Flow{Source: "A", Target: "B"}, mm2conf.Flow{Source: "B", Target: "A"}
	k := keeper{down: map[mm2conf.Flow]bool{}, flows: 2}
	for range 2 {
		if k.fails(ab) {
			t.Error("one flow is up")
		}
	}
	k.up(ab)
	if k.fails(ba) {
		t.Error("one flow came up again")
	}
	if !k.fails(ab) {
		t.Error("both are down")
	}
}

func kafkaClient(t *testing.T, e *kgoclient.Embedded, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(e.Bootstrap()), kgo.AllowAutoTopicCreation(), kgo.MetadataMinAge(100 * time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func expectStatus(t *testing.T, url string, want int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != want {
			body, _ := io.ReadAll(resp.Body)
			return fmt.Errorf("GET %s: %s: %s; want %d", url, resp.Status, body, want)
		}
		return nil
	})
}
