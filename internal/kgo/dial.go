package kgoclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/connectd/connectd/internal/clientconf"
)

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// Dialer gives what connects to s's brokers within the set-up timeout, TLS handshake included. An error is about TLS material.
func Dialer(s *clientconf.Settings) (func(ctx context.Context, network, address string) (net.Conn, error), error) {
	return dialer(s)
}

// dialer connects within the set-up timeout, TLS handshake included.
func dialer(s *clientconf.Settings) (dialFunc, error) {
	var config *tls.Config
	if s.TLS != nil {
		var err error
		if config, err = TLSConfig(s.TLS); err != nil {
			return nil, err
		}
	}
	n := s.Network
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if n.ConnectionSetupTimeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, n.ConnectionSetupTimeout)
			defer cancel()
		}
		conn, err := (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		setBuffers(conn, n)
		if config == nil {
			return conn, nil
		}
		return handshake(ctx, conn, config, address)
	}, nil
}

// setBuffers is a wish: where the operating system refuses a size, its own stays.
func setBuffers(conn net.Conn, n clientconf.Network) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	if n.SendBufferBytes > 0 {
		_ = tcp.SetWriteBuffer(n.SendBufferBytes)
	}
	if n.ReceiveBufferBytes > 0 {
		_ = tcp.SetReadBuffer(n.ReceiveBufferBytes)
	}
}

func handshake(ctx context.Context, conn net.Conn, config *tls.Config, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	config = config.Clone()
	config.ServerName = host
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS with broker %s: %w", address, err)
	}
	return secure, nil
}

// TLSConfig is the client side of t; set ServerName on a clone before use. Without VerifyHostname the broker's certificate
// must still chain up to a trusted authority.
func TLSConfig(t *clientconf.TLS) (*tls.Config, error) {
	config := &tls.Config{MinVersion: t.MinVersion, MaxVersion: t.MaxVersion, CipherSuites: t.CipherSuites}
	if config.MinVersion == 0 {
		config.MinVersion = tls.VersionTLS12
	}
	if t.RootsPEM != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(t.RootsPEM)) {
			return nil, errors.New("no trusted certificate can be read from the trust store")
		}
	}
	if t.CertificatePEM != "" {
		pair, err := tls.X509KeyPair([]byte(t.CertificatePEM), []byte(t.KeyPEM.Reveal()))
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if !t.VerifyHostname {
		config.InsecureSkipVerify = true // the chain is verified below, only the name is not
		config.VerifyConnection = verifyChain(config.RootCAs)
	}
	return config, nil
}

func verifyChain(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("the broker sent no certificate")
		}
		intermediates := x509.NewCertPool()
		for _, c := range state.PeerCertificates[1:] {
			intermediates.AddCert(c)
		}
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates})
		return err
	}
}
