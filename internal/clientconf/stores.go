package clientconf

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// keyStore fills in the client certificate, by the rules of Java's DefaultSslEngineFactory: PEM in the properties, or a
// file of type PEM, PKCS12 or JKS. None of them means a client without certificate.
func (r *reader) keyStore(t *TLS) {
	const location, key, chain, password = "ssl.keystore.location", "ssl.keystore.key", "ssl.keystore.certificate.chain", "ssl.keystore.password"
	kind := r.oneOf("ssl.keystore.type", "JKS", true, "JKS", "PKCS12", "PEM")
	var identity *identity
	var err error
	property := location
	switch {
	case r.given(key) || r.given(chain):
		property = key
		switch {
		case kind != "PEM":
			err = fmt.Errorf("needs ssl.keystore.type=PEM")
		case !r.given(key) || !r.given(chain):
			err = fmt.Errorf("%s and %s must be given together", key, chain)
		case r.given(location):
			err = fmt.Errorf("can't be given together with %s", location)
		case r.given(password):
			err = fmt.Errorf("PEM has no store password; use ssl.key.password")
		default:
			identity, err = pemIdentity(r.text(chain), r.text(key), r.text("ssl.key.password"))
		}
	case r.given(location):
		identity, err = r.keyStoreFile(kind)
	case r.given(password):
		err = fmt.Errorf("is missing, while %s is given", password)
	default:
		return
	}
	if err == nil {
		err = identity.check()
	}
	if errors.Is(err, errWrongPassword) {
		r.fail(invalid(password, r.text(password), "does not open %s: the password is wrong, or the file is damaged", r.text(location)))
		return
	}
	if err != nil {
		r.fail(invalid(property, r.text(property), "%v", err))
		return
	}
	t.CertificatePEM, t.KeyPEM = identity.certificates, Secret(identity.key)
}

func (r *reader) keyStoreFile(kind string) (*identity, error) {
	data, err := r.open("ssl.keystore.location")
	if err != nil {
		return nil, err
	}
	keyPassword := r.text("ssl.key.password")
	if kind == "PEM" {
		if r.given("ssl.keystore.password") {
			return nil, fmt.Errorf("PEM has no store password; use ssl.key.password")
		}
		return pemIdentity(string(data), string(data), keyPassword)
	}
	if !r.given("ssl.keystore.password") {
		return nil, fmt.Errorf("needs ssl.keystore.password")
	}
	password := r.text("ssl.keystore.password")
	if keyPassword == "" {
		keyPassword = password
	}
	return storeIdentity(data, password, keyPassword)
}

// trustStore fills in the certificate authorities; without one the system's are trusted, as Java trusts its own list.
func (r *reader) trustStore(t *TLS) {
	const location, inline, password = "ssl.truststore.location", "ssl.truststore.certificates", "ssl.truststore.password"
	kind := r.oneOf("ssl.truststore.type", "JKS", true, "JKS", "PKCS12", "PEM")
	property := location
	var roots []*x509.Certificate
	var err error
	switch {
	case r.given(inline):
		property = inline
		switch {
		case kind != "PEM":
			err = fmt.Errorf("needs ssl.truststore.type=PEM")
		case r.given(location):
			err = fmt.Errorf("can't be given together with %s", location)
		case r.given(password):
			err = fmt.Errorf("PEM has no store password")
		default:
			roots, err = pemCertificates(r.text(inline))
		}
	case r.given(location):
		var data []byte
		data, err = r.open(location)
		switch {
		case err != nil:
		case kind == "PEM" && r.given(password):
			err = fmt.Errorf("PEM has no store password")
		case kind == "PEM":
			roots, err = pemCertificates(string(data))
		default:
			roots, err = storeRoots(data, r.text(password), r.given(password))
		}
	case r.given(password):
		err = fmt.Errorf("is missing, while %s is given", password)
	default:
		return
	}
	if errors.Is(err, errWrongPassword) {
		r.fail(invalid(password, r.text(password), "does not open %s: the password is wrong, or the file is damaged", r.text(location)))
		return
	}
	if err != nil {
		r.fail(invalid(property, r.text(property), "%v", err))
		return
	}
	t.RootsPEM = encodeCertificates(roots)
}

// open reads the file that a property names. The error keeps the system's reason, such as "no such file".
func (r *reader) open(property string) ([]byte, error) {
	path := r.text(property)
	if path == "" {
		return nil, fmt.Errorf("must name a file")
	}
	if r.read == nil {
		return nil, fmt.Errorf("files can't be read here")
	}
	data, err := r.read(path)
	if err != nil {
		return nil, fmt.Errorf("can't be read: %w", err)
	}
	return data, nil
}

// identity is a private key (PKCS#8 PEM) with its certificates (PEM, leaf first).
type identity struct {
	certificates string
	key          string
}

// check finds out early that key and certificate do not belong together.
func (i *identity) check() error {
	if _, err := tls.X509KeyPair([]byte(i.certificates), []byte(i.key)); err != nil {
		return fmt.Errorf("private key and certificate don't go together: %s", strings.TrimPrefix(err.Error(), "tls: "))
	}
	return nil
}

func newIdentity(key any, chain []*x509.Certificate) (*identity, error) {
	if len(chain) == 0 {
		return nil, fmt.Errorf("holds a private key without a certificate")
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("holds a private key of a kind that is not supported (RSA, EC and Ed25519 are)")
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return &identity{certificates: encodeCertificates(chain), key: string(block)}, nil
}

func encodeCertificates(certs []*x509.Certificate) string {
	var b strings.Builder
	for _, c := range certs {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.String()
}
