package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// secured is a broker with a SASL_SSL listener, for SCRAM and PLAIN, and an SSL listener that asks for certificates.
func secured(t *testing.T, s *stores) *testkit.Broker {
	t.Helper()
	options := []testkit.Option{
		testkit.Listener("SAFE", "SASL_SSL"), testkit.Listener("MUTUAL", "SSL"),
		testkit.Property("listener.name.safe.sasl.enabled.mechanisms", "SCRAM-SHA-512,PLAIN"),
		testkit.Property("listener.name.safe.plain.sasl.jaas.config",
			`org.apache.kafka.common.security.plain.PlainLoginModule required user_producer="hunter2";`),
		testkit.Property("listener.name.safe.scram-sha-512.sasl.jaas.config",
			`org.apache.kafka.common.security.scram.ScramLoginModule required;`),
		testkit.Property("listener.name.mutual.ssl.client.auth", "required"),
	}
	for _, listener := range []string{"safe", "mutual"} {
		for k, v := range s.ssl("listener.name."+listener+".", "PKCS12") {
			options = append(options, testkit.Property(k, v))
		}
	}
	b := testkit.StartBroker(t, options...)
	admin := kadm.NewClient(kafkaClient(t, b.Bootstrap))
	altered, err := admin.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{
		User: "worker", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "hunter2",
	}})
	if err == nil {
		err = altered.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// withPrefix puts a prefix before each key.
func withPrefix(prefix string, props map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range props {
		out[prefix+k] = v
	}
	return out
}

// trustServer has http.DefaultClient trust the server of these stores while the test runs.
func (s *stores) trustServer(t *testing.T) {
	t.Helper()
	pem, err := os.ReadFile(s.trustPEM)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	before := http.DefaultClient.Transport
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	http.DefaultClient.Transport = transport
	t.Cleanup(func() {
		http.DefaultClient.Transport = before
		transport.CloseIdleConnections()
	})
}

// startSecureNode starts a worker whose REST API is https only.
func startSecureNode(t *testing.T, bootstrap, group string, more map[string]string) *node {
	t.Helper()
	port := testkit.FreePort(t)
	props := merged(workerProps(bootstrap, group, port, more), map[string]string{"listeners": fmt.Sprintf("https://127.0.0.1:%d", port)})
	n := &node{url: fmt.Sprintf("https://127.0.0.1:%d", port), id: fmt.Sprintf("127.0.0.1:%d", port)}
	n.Process = testkit.StartProcess(t, testkit.ProcessSpec{
		Name: "connectd-" + fmt.Sprint(port), Path: connectd, Args: []string{"distributed", writeProps(t, props)},
	})
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error { return n.get(ctx, "/health", nil) })
	return n
}

// TestSecuredClustersAndREST mirrors over encrypted and authenticated connections of every kind: the workers by SCRAM with a
// JKS trust store, the tasks' producers by PLAIN with a PEM one, the mirror's consumers by certificates from PKCS12. Two
// workers speak https to each other.
func TestSecuredClustersAndREST(t *testing.T) {
	s := newStores(t)
	s.trustServer(t)
	broker := secured(t, s)
	createTopic(t, broker.Bootstrap, "in", 2, nil)
	jaas := `org.apache.kafka.common.security.%s required username="%s" password="hunter2";`
	scram := map[string]string{
		"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512",
		"sasl.jaas.config":        fmt.Sprintf(jaas, "scram.ScramLoginModule", "worker"),
		"ssl.truststore.location": s.trustJKS, "ssl.truststore.type": "JKS", "ssl.truststore.password": storePassword,
	}
	plain := map[string]string{
		"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN",
		"sasl.jaas.config":        fmt.Sprintf(jaas, "plain.PlainLoginModule", "producer"),
		"ssl.truststore.location": s.trustPEM, "ssl.truststore.type": "PEM",
	}
	props := merged(scram, withPrefix("producer.", plain), withPrefix("admin.", scram), s.ssl("listeners.https.", "JKS"))
	a := startSecureNode(t, broker.Listener("SAFE"), "secure", props)
	b := startSecureNode(t, broker.Listener("SAFE"), "secure", props)

	conf := mirrorConfig(broker.Listener("MUTUAL"), broker.Listener("SAFE"), "in", 2)
	conf = merged(conf, withPrefix("source.cluster.", merged(s.ssl("", "PKCS12"), map[string]string{"security.protocol": "SSL"})),
		withPrefix("target.cluster.", plain))
	// One of the workers is not the leader and forwards.
	create(t, a.url, "m", conf)
	do(t, http.MethodPut, b.url+"/connectors/m/config", conf, nil)
	awaitTasks(t, b.url, "m", 2, a.id, b.id)
	producer := kafkaClient(t, broker.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	st := newStream("in", 2)
	if err := st.produce(t.Context(), producer, 1000); err != nil {
		t.Fatal(err)
	}
	st.verify(t, broker.Bootstrap, "S.in")
	for _, n := range []*node{a, b} {
		do(t, http.MethodPut, n.url+"/connectors/m/pause", nil, nil)
		do(t, http.MethodPut, n.url+"/connectors/m/resume", nil, nil)
		n.Stop()
		if code := n.ExitCode(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		assertNoSecret(t, n)
	}
}

// assertNoSecret looks for passwords in all that a worker wrote.
func assertNoSecret(t *testing.T, n *node) {
	t.Helper()
	for _, secret := range []string{"hunter2", storePassword} {
		if strings.Contains(n.Log(), secret) {
			t.Errorf("%s stands in the log of %s", secret, n.id)
		}
	}
}
