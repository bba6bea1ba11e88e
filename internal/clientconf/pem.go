package clientconf

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// pemBlock is a PEM block found by Java's lenient rules: white space anywhere in the body counts for nothing, as PEM in a
// property often has its newlines turned into spaces or joined by line continuation.
type pemBlock struct {
	label string
	der   []byte
}

// parsePEM skips what is not PEM (bag attributes, comments) and blocks that are broken are errors.
func parsePEM(text string) ([]pemBlock, error) {
	const begin, end, dashes = "-----BEGIN ", "-----END ", "-----"
	var blocks []pemBlock
	for {
		i := strings.Index(text, begin)
		if i < 0 {
			return blocks, nil
		}
		text = text[i+len(begin):]
		label, rest, ok := strings.Cut(text, dashes)
		if !ok {
			return nil, errors.New("holds a PEM block whose BEGIN line has no end")
		}
		body, rest, ok := strings.Cut(rest, end)
		if !ok {
			return nil, errors.New("holds a PEM block without its END line")
		}
		endLabel, rest, ok := strings.Cut(rest, dashes)
		label = strings.Join(strings.Fields(label), " ")
		if !ok || strings.Join(strings.Fields(endLabel), " ") != label {
			return nil, errors.New("holds a PEM block whose END line differs from its BEGIN line")
		}
		der, err := pemBody(body)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, pemBlock{label: label, der: der})
		text = rest
	}
}

// pemBody decodes base64 after any "Name: value" header lines.
func pemBody(body string) ([]byte, error) {
	if strings.Contains(body, "Proc-Type:") {
		return nil, errors.New("holds a private key in OpenSSL's old encrypted form; convert it by: openssl pkcs8 -topk8")
	}
	var b strings.Builder
	for line := range strings.Lines(body) {
		if !strings.Contains(line, ":") {
			b.WriteString(strings.Join(strings.Fields(line), ""))
		}
	}
	der, err := base64.StdEncoding.DecodeString(b.String())
	if err != nil || len(der) == 0 {
		return nil, errors.New("holds a PEM block that is not base64")
	}
	return der, nil
}

func pemCertificates(text string) ([]*x509.Certificate, error) {
	blocks, err := parsePEM(text)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, b := range blocks {
		if b.label != "CERTIFICATE" && b.label != "TRUSTED CERTIFICATE" && b.label != "X509 CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.der)
		if err != nil {
			return nil, fmt.Errorf("certificate number %d is not X.509", len(certs)+1)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("must hold at least one certificate in PEM form (-----BEGIN CERTIFICATE-----)")
	}
	return certs, nil
}

// pemIdentity reads a certificate chain and one private key, which may be encrypted.
func pemIdentity(chain, key, keyPassword string) (*identity, error) {
	certs, err := pemCertificates(chain)
	if err != nil {
		return nil, err
	}
	blocks, err := parsePEM(key)
	if err != nil {
		return nil, err
	}
	var private any
	for _, b := range blocks {
		if !strings.HasSuffix(b.label, "PRIVATE KEY") {
			continue
		}
		if private != nil {
			return nil, errors.New("must hold one private key, several were found")
		}
		if private, err = parsePrivateKey(b, keyPassword); err != nil {
			return nil, err
		}
	}
	if private == nil {
		return nil, errors.New("must hold a private key in PEM form (-----BEGIN PRIVATE KEY-----)")
	}
	return newIdentity(private, certs)
}

// parsePrivateKey takes PKCS#8, plain or encrypted, and, unlike Java, the older forms of OpenSSL too.
func parsePrivateKey(b pemBlock, password string) (any, error) {
	var key any
	var err error
	switch b.label {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(b.der)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(b.der)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(b.der)
	case "ENCRYPTED PRIVATE KEY":
		if password == "" {
			return nil, errors.New("holds an encrypted private key: ssl.key.password is needed")
		}
		var der []byte
		if der, err = decryptPKCS8(b.der, password); err != nil {
			return nil, err
		}
		if key, err = x509.ParsePKCS8PrivateKey(der); err != nil {
			return nil, errWrongKeyPassword
		}
		return key, nil
	default:
		return nil, errors.New("holds a private key that is not in PKCS#8 form; convert it by: openssl pkcs8 -topk8")
	}
	if err != nil {
		return nil, errors.New("holds a private key that can't be read (RSA, EC and Ed25519 are supported)")
	}
	return key, nil
}
