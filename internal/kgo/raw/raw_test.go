package raw

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/clientconf"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func settings(t testing.TB, role clientconf.Role, servers string, props map[string]string) *clientconf.Settings {
	t.Helper()
	all := map[string]string{"bootstrap.servers": servers}
	maps.Copy(all, props)
	s, err := clientconf.Translate(role, all, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func embedded(t testing.TB, cfg kgoclient.EmbeddedConfig) *kgoclient.Embedded {
	t.Helper()
	e, err := kgoclient.StartEmbedded(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func cluster(t testing.TB, s *clientconf.Settings) *Cluster {
	t.Helper()
	c, err := NewCluster(s, ClusterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// produce writes values to a partition, each as a batch of its own.
func produce(t testing.TB, servers []string, topic string, partition int32, values ...string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(servers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableClientMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, v := range values {
		rec := &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)}
		if err := cl.ProduceSync(within(t, time.Minute), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}
