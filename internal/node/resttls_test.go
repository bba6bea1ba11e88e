package node

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/connectd/connectd/internal/testkit"
)

// holder is somebody with a certificate.
type holder struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newHolder makes a certificate for 127.0.0.1, signed by issuer or, where that is nil, by itself.
func newHolder(t *testing.T, name string, issuer *holder) *holder {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: issuer == nil,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.cert, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &holder{cert, key}
}

func (h *holder) pair() *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{h.cert.Raw}, PrivateKey: h.key}
}

const storePassword = "changeit"

// keyStore gives the ssl properties of a key store of that type, with the key of h and the certificate of its issuer in the chain.
func (h *holder) keyStore(t *testing.T, kind string, issuer *holder) map[string]string {
	t.Helper()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(h.key)
	if err != nil {
		t.Fatal(err)
	}
	var data []byte
	switch kind {
	case "PEM":
		for _, block := range []*pem.Block{
			{Type: "PRIVATE KEY", Bytes: pkcs8}, {Type: "CERTIFICATE", Bytes: h.cert.Raw}, {Type: "CERTIFICATE", Bytes: issuer.cert.Raw},
		} {
			data = append(data, pem.EncodeToMemory(block)...)
		}
	case "PKCS12":
		if data, err = pkcs12.Modern.Encode(h.key, h.cert, []*x509.Certificate{issuer.cert}, storePassword); err != nil {
			t.Fatal(err)
		}
	case "JKS":
		ks := keystore.New()
		chain := []keystore.Certificate{{Type: "X509", Content: h.cert.Raw}, {Type: "X509", Content: issuer.cert.Raw}}
		entry := keystore.PrivateKeyEntry{CreationTime: time.Now(), PrivateKey: pkcs8, CertificateChain: chain}
		var buf bytes.Buffer
		if err := ks.SetPrivateKeyEntry("worker", entry, []byte(storePassword)); err != nil {
			t.Fatal(err)
		}
		if err := ks.Store(&buf, []byte(storePassword)); err != nil {
			t.Fatal(err)
		}
		data = buf.Bytes()
	}
	file := filepath.Join(t.TempDir(), "keystore")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	props := map[string]string{"ssl.keystore.type": kind, "ssl.keystore.location": file}
	if kind != "PEM" {
		props["ssl.keystore.password"] = storePassword
	}
	return props
}

// TestClientCertificates: whom a listener lets in, for each type of store and each setting, with a trust store and without. Without
// one it trusts its own certificate alone, as a Java worker was seen to do.
func TestClientCertificates(t *testing.T) {
	testkit.NoLeaks(t)
	ca := newHolder(t, "ca", nil)
	server, known, stranger := newHolder(t, "server", ca), newHolder(t, "known", ca), newHolder(t, "stranger", nil)
	callers := map[string]*tls.Certificate{"nobody": {}, "known": known.pair(), "stranger": stranger.pair(), "itself": server.pair()}
	trust := map[string]string{
		"ssl.truststore.type":         "PEM",
		"ssl.truststore.certificates": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})),
	}
	for _, kind := range []string{"PEM", "PKCS12", "JKS"} {
		store := server.keyStore(t, kind, ca)
		for _, tc := range []struct {
			auth  string
			trust map[string]string
			lets  []string
		}{
			{"", nil, []string{"nobody", "known", "stranger", "itself"}},
			{"none", trust, []string{"nobody", "known", "stranger", "itself"}},
			{"requested", trust, []string{"nobody", "known", "itself"}},
			{"Required", trust, []string{"known", "itself"}},
			{"required", nil, []string{"itself"}},
			{"requested", nil, []string{"nobody", "itself"}},
		} {
			props := maps.Clone(store)
			maps.Copy(props, tc.trust)
			if tc.auth != "" {
				props["ssl.client.auth"] = tc.auth
			}
			conf, asClient, err := restTLS("listeners.https.", props)
			if err != nil {
				t.Fatalf("%s %s: %v", kind, tc.auth, err)
			}
			srv := httptest.NewUnstartedServer(http.NotFoundHandler())
			srv.TLS, srv.Config.ErrorLog = conf, log.New(io.Discard, "", 0)
			srv.StartTLS()
			want := map[string]bool{}
			for _, name := range tc.lets {
				want[name] = true
			}
			roots := x509.NewCertPool()
			roots.AddCert(ca.cert)
			for name, cert := range callers {
				got := reaches(srv.URL, &tls.Config{RootCAs: roots, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					return cert, nil
				}})
				if got != want[name] {
					t.Errorf("%s, ssl.client.auth=%q, trust store %v: lets in %s: %v", kind, tc.auth, tc.trust != nil, name, got)
				}
			}
			if !reaches(srv.URL, asClient) {
				t.Errorf("%s, ssl.client.auth=%q, trust store %v: workers do not reach each other", kind, tc.auth, tc.trust != nil)
			}
			srv.Close()
		}
	}
}

// reaches tells whether a request is answered.
func reaches(url string, conf *tls.Config) bool {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: conf}}
	resp, err := client.Get(url)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return true
}

// TestTrustedEntriesOfKeyStore: what a JKS key store has as trusted counts, where there is no trust store.
func TestTrustedEntriesOfKeyStore(t *testing.T) {
	ca := newHolder(t, "ca", nil)
	server := newHolder(t, "server", ca)
	props := server.keyStore(t, "JKS", ca)
	data, err := os.ReadFile(props["ssl.keystore.location"])
	if err != nil {
		t.Fatal(err)
	}
	ks := keystore.New()
	if err := ks.Load(bytes.NewReader(data), []byte(storePassword)); err != nil {
		t.Fatal(err)
	}
	trusted := keystore.TrustedCertificateEntry{CreationTime: time.Now(), Certificate: keystore.Certificate{Type: "X509", Content: ca.cert.Raw}}
	if err := ks.SetTrustedCertificateEntry("ca", trusted); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := ks.Store(&buf, []byte(storePassword)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(props["ssl.keystore.location"], buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	conf, _, err := restTLS("", props)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newHolder(t, "client", ca).cert.Verify(x509.VerifyOptions{Roots: conf.ClientCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
}
