package node

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/connectors/all"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
)

// certificate makes one that signs itself, for servers and clients at 127.0.0.1, as PEM.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "worker"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func properties(bootstrap string, more map[string]string) map[string]string {
	props := map[string]string{
		"bootstrap.servers": bootstrap, "group.id": "g",
		"key.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter",
		"config.storage.topic": "c", "config.storage.replication.factor": "1", "offset.storage.topic": "o", "offset.storage.replication.factor": "1",
		"status.storage.topic": "s", "status.storage.replication.factor": "1", "listeners": "http://127.0.0.1:0",
		"rest.advertised.host.name": "127.0.0.1",
	}
	for k, v := range more {
		props[k] = v
	}
	return props
}

func options(out io.Writer) Options {
	log := hclog.New(&hclog.LoggerOptions{Output: out, Level: hclog.Warn, IndependentLevels: true})
	return Options{Register: all.Register, Logger: log, Version: "test", Commit: "none"}
}

// Workers that speak https with certificates on both sides answer only those who have one, and forward to each other.
func TestWorkersOverMutualTLS(t *testing.T) {
	testkit.NoLeaks(t)
	brokers, err := kgoclient.StartEmbedded(kgoclient.EmbeddedConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(brokers.Close)
	cert, key := certificate(t)
	props := properties(brokers.Bootstrap(), map[string]string{
		"listeners": "https://127.0.0.1:0", "listeners.https.ssl.client.auth": "required",
		"listeners.https.ssl.keystore.type": "PEM", "listeners.https.ssl.keystore.certificate.chain": cert, "listeners.https.ssl.keystore.key": key,
		"listeners.https.ssl.truststore.type": "PEM", "listeners.https.ssl.truststore.certificates": cert,
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	var nodes []*Node
	for range 2 {
		n, err := New(ctx, props, options(t.Output()))
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
		go func() { done <- n.Run(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		for range nodes {
			if err := <-done; err != nil {
				t.Errorf("ended with %v", err)
			}
		}
	})
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(cert))
	known := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}}
	stranger := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	for _, n := range nodes {
		testkit.Eventually(t, time.Minute, func(ctx context.Context) error { return call(ctx, known, "GET", n.URL()+"health", "", 200) })
		if err := call(t.Context(), stranger, "GET", n.URL(), "", 200); err == nil {
			t.Error("a client without a certificate was answered")
		}
	}
	// One of the two must forward.
	for i, n := range nodes {
		body := fmt.Sprintf(`{"name":"f%d","config":{"connector.class":"FileStreamSource","topic":"t","file":"%s"}}`, i, filepath.Join(t.TempDir(), "in"))
		if err := call(t.Context(), known, "POST", n.URL()+"connectors", body, 201); err != nil {
			t.Error(err)
		}
	}
}

func call(ctx context.Context, c *http.Client, method, url, body string, want int) error {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read only
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s %s answered %s %s, want %d", method, url, resp.Status, text, want)
	}
	return err
}

func TestFaultyPropertiesAreTold(t *testing.T) {
	cert, key := certificate(t)
	for name, c := range map[string]struct {
		more map[string]string
		want []string
	}{
		"keystore": {map[string]string{"listeners": "https://127.0.0.1:0"}, []string{"listeners.https.ssl.keystore.location"}},
		"client auth": {map[string]string{
			"listeners": "https://127.0.0.1:0", "listeners.https.ssl.client.auth": "maybe", "listeners.https.ssl.keystore.type": "PEM",
			"listeners.https.ssl.keystore.certificate.chain": cert, "listeners.https.ssl.keystore.key": key,
		}, []string{"ssl.client.auth", "maybe"}},
		"provider":  {map[string]string{"config.providers": "x", "config.providers.x.class": "com.example.X"}, []string{"com.example.X"}},
		"mechanism": {map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "MAGIC"}, []string{"sasl.mechanism", "MAGIC"}},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.NoLeaks(t)
			n, err := New(t.Context(), properties("127.0.0.1:1", c.more), options(io.Discard))
			if !errors.As(err, new(*ConfigError)) {
				if n != nil {
					n.Close()
				}
				t.Fatalf("got %v, which is no fault of the properties", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not name %s", err, w)
				}
			}
			if strings.Contains(err.Error(), "PRIVATE KEY") {
				t.Error("the error shows a key")
			}
		})
	}
}

func TestPropertiesWithoutEffectAreWarnedOfOnce(t *testing.T) {
	var out bytes.Buffer
	n, err := New(t.Context(), properties("127.0.0.1:1", map[string]string{"producer.partitioner.class": "com.example.P", "consumer.interceptor.classes": "com.example.I"}), options(&out))
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	for range 2 {
		p, err := n.kafka.NewProducer(map[string]string{"bootstrap.servers": "127.0.0.1:1", "partitioner.class": "com.example.P"}, nil)
		if err == nil {
			p.Close()
		}
	}
	if got := strings.Count(out.String(), "property=partitioner.class"); got != 1 {
		t.Errorf("warned %d times:\n%s", got, out.String())
	}
}
