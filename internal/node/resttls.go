package node

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"

	"github.com/connectd/connectd/internal/clientconf"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/worker"
	"github.com/connectd/connectd/worker/workerconf"
)

// serverTLS makes the TLS of https listeners, and of requests to other workers.
func serverTLS(wc *worker.Config, conf *workerconf.Config) error {
	https := func(listeners []workerconf.Listener) bool {
		for _, l := range listeners {
			if l.Scheme == "https" {
				return true
			}
		}
		return false
	}
	var err error
	if https(conf.REST.Listeners) {
		if wc.TLS, wc.ClientTLS, err = restTLS("listeners.https.", conf.REST.HTTPS); err != nil {
			return err
		}
	}
	if https(conf.REST.AdminListeners) {
		if wc.AdminTLS, _, err = restTLS("admin.listeners.https.", conf.REST.AdminHTTPS); err != nil {
			return err
		}
	}
	return nil
}

// restTLS reads the ssl properties of REST listeners by the same translation as those of Kafka clients.
func restTLS(prefix string, ssl map[string]string) (server, client *tls.Config, err error) {
	props := maps.Clone(ssl)
	delete(props, clientAuthKey)
	props["bootstrap.servers"], props["security.protocol"] = "localhost:1", "SSL"
	s, err := clientconf.Translate(clientconf.Admin, props, os.ReadFile)
	if err != nil {
		return nil, nil, prefixed(prefix, err)
	}
	if s.TLS.CertificatePEM == "" {
		return nil, nil, fmt.Errorf("%sssl.keystore.location is missing: an https listener needs a certificate and key", prefix)
	}
	ownTrust := s.TLS.RootsPEM == ""
	if ownTrust {
		s.TLS.RootsPEM = keyStoreRoots(props, s.TLS)
	}
	if server, err = kgoclient.TLSConfig(s.TLS); err != nil {
		return nil, nil, err
	}
	client = server.Clone()
	// Shown whatever authorities the other worker names: without a trust store it names its own certificate as one.
	client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &client.Certificates[0], nil }
	server.InsecureSkipVerify, server.VerifyConnection = false, nil // what a client checks of a server
	server.ClientCAs, server.RootCAs = server.RootCAs, nil
	if server.ClientAuth, err = clientAuth(prefix, ssl[clientAuthKey]); err != nil {
		return nil, nil, err
	}
	if ownTrust && s.TLS.VerifyHostname {
		// Workers may have certificates of a public authority and no trust store.
		if roots, err := x509.SystemCertPool(); err == nil {
			roots.AppendCertsFromPEM([]byte(s.TLS.RootsPEM))
			client.RootCAs = roots
		}
	}
	return server, client, nil
}

const clientAuthKey = "ssl.client.auth"

func clientAuth(prefix, value string) (tls.ClientAuthType, error) {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "none":
		return tls.NoClientCert, nil
	case "requested":
		return tls.VerifyClientCertIfGiven, nil
	case "required":
		return tls.RequireAndVerifyClientCert, nil
	}
	return 0, fmt.Errorf("%s%s=%q is unknown; use none, requested or required", prefix, clientAuthKey, value)
}

// keyStoreRoots says whom a listener without a trust store trusts: as in Java, what its key store has as trusted, and the
// certificate of its key, so that workers with one common certificate know each other. It is never the system's authorities: a
// certificate that anybody can buy would open a listener that requires one.
func keyStoreRoots(props map[string]string, t *clientconf.TLS) string {
	const location = "ssl.keystore.location"
	if strings.EqualFold(props["ssl.keystore.type"], "PEM") || props[location] == "" {
		return leaf(t)
	}
	store := maps.Clone(props)
	store["ssl.truststore.location"] = props[location]
	if store["ssl.truststore.password"] == "" {
		store["ssl.truststore.password"] = props["ssl.keystore.password"]
	}
	s, err := clientconf.Translate(clientconf.Admin, store, os.ReadFile)
	if err != nil {
		return leaf(t) // a PKCS#12 store with a key has no other trusted certificates that can be read
	}
	return s.TLS.RootsPEM
}

// leaf is the first certificate of the chain.
func leaf(t *clientconf.TLS) string {
	block, _ := pem.Decode([]byte(t.CertificatePEM))
	if block == nil {
		return ""
	}
	return string(pem.EncodeToMemory(block))
}

// prefixed names properties in errors as the operator wrote them.
func prefixed(prefix string, err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, prefixed(prefix, e))
		}
		return errors.Join(all...)
	}
	if pe := new(clientconf.PropertyError); errors.As(err, &pe) {
		named := *pe
		named.Property = prefix + pe.Property
		return &named
	}
	return err
}
