package e2e

import (
	"context"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"software.sslmate.com/src/go-pkcs12"
)

// client has the certificate that workers ask of each other.
func (s *stores) client(t *testing.T) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(s.trustPEM)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	store, err := os.ReadFile(s.keystore)
	if err != nil {
		t.Fatal(err)
	}
	key, cert, err := pkcs12.Decode(store, storePassword)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: roots, Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}},
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// mixedHTTPS has workers speak https to each other, each asking for the other's certificate, with settings for session keys that
// are none of the defaults, and keys that live for a moment. Task configs go both ways while keys change.
func mixedHTTPS(t *testing.T, bootstrap string) {
	t.Parallel()
	s := newStores(t)
	m := newMixed(bootstrap, "mixed-https")
	m.secure, m.http = true, s.client(t)
	m.props = mixedProps(map[string]string{
		"listeners.https.ssl.client.auth":       "required",
		"inter.worker.key.ttl.ms":               "1500",
		"inter.worker.key.generation.algorithm": "HmacSHA512",
		"inter.worker.verification.algorithms":  "HmacSHA3-256,HmacSHA1,HmacSHA384",
	})
	ours := m.connectd(t, merged(s.ssl("listeners.https.", "PKCS12"),
		map[string]string{"inter.worker.signature.algorithm": "HmacSHA3-256", "inter.worker.key.size": "256"}))
	java := m.java(t, merged(s.ssl("listeners.https.", "JKS"),
		map[string]string{"inter.worker.signature.algorithm": "HmacSHA384", "inter.worker.key.size": "1024"}))
	stranger := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: m.http.Transport.(*http.Transport).TLSClientConfig.Clone()}}
	stranger.Transport.(*http.Transport).TLSClientConfig.Certificates = nil
	for _, p := range []*peer{ours, java} {
		if resp, err := stranger.Get(p.url + "/"); err == nil {
			resp.Body.Close()
			t.Errorf("%s answered a client without a certificate", p.url)
		}
	}
	f := newFiles(t, m)
	f.create(t, ours, java)
	f.acrossRotations(t, ours, java, 32)
	awaitRound(t, ours, ours, "sessioned")
	ours.Stop()
	m.running(t, java, map[string]int{f.source: 1, f.sink: 3}, balanced(java))
	ours.Restart()
	f.balanced(t, java, ours, 3)
	awaitRound(t, ours, java, "sessioned")
	f.acrossRotations(t, ours, java, 128)
	f.verify(t)
}

// acrossRotations reconfigures through both workers until three more keys have been distributed, of so many bytes, and has the last but
// one refused.
func (f *files) acrossRotations(t *testing.T, a, b *peer, size int) {
	t.Helper()
	before := len(sessionKeys(t, f.m))
	for i := 0; ; i++ {
		keys := sessionKeys(t, f.m)
		last := keys[len(keys)-1]
		if len(keys) >= before+3 && i >= 2 {
			if len(last) != size {
				t.Errorf("the session key has %d bytes, want %d", len(last), size)
			}
			break
		}
		f.reconfigure(t, a, b)
		a, b = b, a
	}
	f.write(t, 50)
	f.verify(t)
	f.refusesStale(t, a, b)
}

// refusesStale signs by a key that was in use before.
func (f *files) refusesStale(t *testing.T, peers ...*peer) {
	t.Helper()
	for _, p := range peers {
		testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
			keys := sessionKeys(t, f.m)
			const body = `[{"stale":"yes"}]`
			a, err := f.m.send(ctx, http.MethodPost, p.url+f.path(f.sink, "/tasks"), body, signed(sha512.New384, "HmacSHA384", keys[len(keys)-3], body)...)
			if want := (reply{http.StatusForbidden, `{"error_code":403,"message":"Internal request contained invalid signature."}`}); err == nil && a != want {
				err = fmt.Errorf("a request signed by an old key: %v", a)
			}
			return err
		})
	}
}
