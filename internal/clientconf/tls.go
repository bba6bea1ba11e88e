package clientconf

import (
	"crypto/tls"
	"slices"
	"strings"
)

func (r *reader) tls() {
	t := &TLS{VerifyHostname: true}
	r.out.TLS = t
	switch v := r.textOr("ssl.endpoint.identification.algorithm", "https"); strings.ToLower(v) {
	case "https":
		r.set("ssl.endpoint.identification.algorithm", "https")
	case "":
		t.VerifyHostname = false
		r.set("ssl.endpoint.identification.algorithm", "none")
	default:
		r.fail(invalid("ssl.endpoint.identification.algorithm", v, "must be https, or empty to not compare host names"))
	}
	r.tlsVersions(t)
	r.cipherSuites(t)
	r.keyStore(t)
	r.trustStore(t)

	if t.RootsPEM != "" {
		r.set("ssl.ca.pem", t.RootsPEM)
	}
	if t.CertificatePEM != "" {
		r.set("ssl.certificate.pem", t.CertificatePEM)
		r.set("ssl.key.pem", t.KeyPEM.Reveal())
	}
}

// tlsVersions reads both properties that name versions. librdkafka negotiates 1.2 and 1.3 and can't be told otherwise.
func (r *reader) tlsVersions(t *TLS) {
	const name = "ssl.enabled.protocols"
	t.MinVersion, t.MaxVersion = tls.VersionTLS12, tls.VersionTLS13
	switch v := r.textOr("ssl.protocol", "TLSv1.3"); v {
	case "TLS", "TLSv1.2", "TLSv1.3", "":
	default:
		r.fail(invalid("ssl.protocol", v, "must be TLSv1.2 or TLSv1.3"))
	}
	enabled := r.list(name)
	if !r.given(name) || len(enabled) == 0 {
		return
	}
	has12, has13 := slices.Contains(enabled, "TLSv1.2"), slices.Contains(enabled, "TLSv1.3")
	for _, v := range enabled {
		switch v {
		case "TLSv1.2", "TLSv1.3":
		case "TLSv1", "TLSv1.1", "SSLv3", "SSLv2Hello":
			r.warn(name, v+" is not offered; TLSv1.2 and TLSv1.3 are")
		default:
			r.fail(invalid(name, v, "must be a list of TLSv1.2, TLSv1.3"))
			return
		}
	}
	switch {
	case !has12 && !has13:
		r.fail(invalid(name, r.text(name), "must hold TLSv1.2 or TLSv1.3"))
	case !has13:
		t.MaxVersion = tls.VersionTLS12
		r.warn(name, "no counterpart in librdkafka, which offers TLSv1.2 and TLSv1.3")
	case !has12:
		t.MinVersion = tls.VersionTLS13
		r.warn(name, "no counterpart in librdkafka, which offers TLSv1.2 and TLSv1.3")
	}
}

// cipherSuite is a suite by its standard (and Java) name and by OpenSSL's.
type cipherSuite struct {
	id      uint16
	name    string
	openSSL string
}

var ciphers = []cipherSuite{
	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
	{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
	{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
	{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"},
	{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"},
}

// cipherSuites narrows the suites of TLS 1.2. Those of 1.3 are all strong and can't be narrowed in either client.
func (r *reader) cipherSuites(t *TLS) {
	const name = "ssl.cipher.suites"
	var openSSL []string
	only13 := true
	for _, want := range r.list(name) {
		switch want {
		case "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256":
			continue
		}
		only13 = false
		i := slices.IndexFunc(ciphers, func(c cipherSuite) bool { return c.name == want })
		if i < 0 {
			r.warn(name, "no counterpart: "+want+" is left out")
			continue
		}
		t.CipherSuites = append(t.CipherSuites, ciphers[i].id)
		openSSL = append(openSSL, ciphers[i].openSSL)
	}
	if len(r.list(name)) == 0 {
		return
	}
	if only13 {
		t.MinVersion = tls.VersionTLS13
		r.warn(name, "the suites of TLSv1.3 can't be chosen among; all of them are offered")
		return
	}
	if len(openSSL) == 0 {
		r.fail(invalid(name, r.text(name), "holds no suite that is supported, such as TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"))
		return
	}
	r.set(name, strings.Join(openSSL, ":"))
}
