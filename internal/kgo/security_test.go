package kgoclient

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/clientconf"
)

const material = "../clientconf/testdata/"

// secured starts a cluster with TLS, client certificates required, and SASL. It listens on 127.0.0.1, which the
// certificate names.
func secured(t *testing.T) *Embedded {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(material+"client.pem", material+"client-key.pem")
	if err != nil {
		t.Fatal(err)
	}
	return embedded(t, EmbeddedConfig{AutoCreateTopics: true, Options: []kfake.Opt{
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert}),
		kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "plain", `p"w`), kfake.Superuser("SCRAM-SHA-256", "s256", "secret"), kfake.Superuser("SCRAM-SHA-512", "s512", "secret"),
	}})
}

func securedProps(e *Embedded, mechanism, jaas string) map[string]string {
	return map[string]string{
		"bootstrap.servers": e.Bootstrap(), "security.protocol": "SASL_SSL", "sasl.mechanism": mechanism, "sasl.jaas.config": jaas,
		"ssl.truststore.location": material + "trust.jks", "ssl.truststore.password": "changeit",
		"ssl.keystore.location": material + "keytool.p12", "ssl.keystore.type": "PKCS12", "ssl.keystore.password": "changeit",
	}
}

func TestTLSAndSASL(t *testing.T) {
	e := secured(t)
	for mechanism, jaas := range map[string]string{
		"PLAIN":         `x.PlainLoginModule required username="plain" password="p\"w";`,
		"SCRAM-SHA-256": `x.ScramLoginModule required username="s256" password="secret";`,
		"SCRAM-SHA-512": `x.ScramLoginModule required username="s512" password="secret";`,
	} {
		t.Run(mechanism, func(t *testing.T) {
			produce(t, newClient(t, clientconf.Producer, securedProps(e, mechanism, jaas)), mechanism, 3)
		})
	}
}

func TestTLSRefusals(t *testing.T) {
	e := secured(t)
	jaas := `x.PlainLoginModule required username="plain" password="p\"w";`
	tests := map[string]struct {
		change map[string]string
		want   string // "" means it works
	}{
		"unknown authority":     {map[string]string{"ssl.truststore.location": "", "ssl.truststore.password": ""}, "unknown authority"},
		"name not compared":     {map[string]string{"ssl.endpoint.identification.algorithm": ""}, ""},
		"no name, no authority": {map[string]string{"ssl.endpoint.identification.algorithm": "", "ssl.truststore.location": "", "ssl.truststore.password": ""}, "unknown authority"},
		"wrong password":        {map[string]string{"sasl.jaas.config": `x.PlainLoginModule required username="plain" password="x";`}, "EOF"}, // the fake hangs up
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			props := securedProps(e, "PLAIN", jaas)
			for k, v := range tt.change {
				props[k] = v
				if v == "" && k != "ssl.endpoint.identification.algorithm" {
					delete(props, k)
				}
			}
			client := newClient(t, clientconf.Admin, props, kgo.RequestRetries(0))
			err := client.Ping(within(t))
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestHostNameIsCompared(t *testing.T) {
	e := secured(t)
	for algorithm, wantErr := range map[string]bool{"https": true, "": false} {
		props := securedProps(e, "PLAIN", `x.PlainLoginModule required username="plain" password="x";`)
		props["ssl.endpoint.identification.algorithm"] = algorithm
		s, err := clientconf.Translate(clientconf.Admin, props, os.ReadFile)
		if err != nil {
			t.Fatal(err)
		}
		config, err := TLSConfig(s.TLS)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", e.Bootstrap())
		if err != nil {
			t.Fatal(err)
		}
		secure, err := handshake(within(t), conn, config, "elsewhere:9092")
		if (err != nil) != wantErr {
			t.Errorf("algorithm %q: %v", algorithm, err)
		}
		if err == nil {
			_ = secure.Close()
		}
	}
}

func TestUnsecuredToken(t *testing.T) {
	now := time.Unix(1000, 0)
	token, err := unsecuredToken(&clientconf.UnsecuredToken{
		Lifetime: time.Minute, Strings: map[string]string{"sub": "alice"}, Lists: map[string][]string{"scope": {"a", "b"}},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[2] != "" {
		t.Fatal(token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || string(payload) != `{"exp":1060,"iat":1000,"scope":["a","b"],"sub":"alice"}` {
		t.Errorf("%s %v", payload, err)
	}
}

func TestTokenSource(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		body, _ := io.ReadAll(r.Body)
		if id != "id" || secret != "s%2Bt" || string(body) != "grant_type=client_credentials&scope=read" {
			http.Error(w, "echo: "+secret, http.StatusUnauthorized)
			return
		}
		if calls.Add(1) == 1 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "tok", "expires_in": 100})
	}))
	defer server.Close()
	now := time.Unix(0, 0)
	s := newTokenSource(&clientconf.OAuth{TokenEndpoint: server.URL, ClientID: "id", ClientSecret: "s+t", URLEncode: true, Scope: "read"})
	s.now = func() time.Time { return now }
	get := func(wantCalls int32) {
		t.Helper()
		token, err := s.token(within(t))
		if err != nil || token != "tok" || calls.Load() != wantCalls {
			t.Fatalf("%q %v after %d calls, want %d", token, err, calls.Load(), wantCalls)
		}
	}
	get(2) // the first answer was 503
	now = now.Add(79 * time.Second)
	get(2)
	now = now.Add(2 * time.Second)
	get(3)

	wrong := newTokenSource(&clientconf.OAuth{TokenEndpoint: server.URL, ClientID: "id", ClientSecret: "Hunter2"})
	_, err := wrong.token(within(t))
	if err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "Hunter2") {
		t.Error(err)
	}
}
