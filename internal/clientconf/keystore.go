package clientconf

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// jksMagic opens a JKS file. Java's own reader goes by it too, whichever of JKS and PKCS12 the type property says.
var jksMagic = []byte{0xfe, 0xed, 0xfe, 0xed}

func isJKS(data []byte) bool { return bytes.HasPrefix(data, jksMagic) }

// storeIdentity takes the private key and its certificates out of a JKS or PKCS#12 store.
func storeIdentity(data []byte, password, keyPassword string) (*identity, error) {
	if isJKS(data) {
		return jksIdentity(data, password, keyPassword)
	}
	key, leaf, rest, err := pkcs12.DecodeChain(data, password)
	if err != nil {
		return nil, pkcs12Problem(err)
	}
	return newIdentity(key, append([]*x509.Certificate{leaf}, issuers(leaf, rest)...))
}

// issuers orders the certificates of a PKCS#12 file, which may come in any order and with strangers, into leaf's chain.
func issuers(leaf *x509.Certificate, rest []*x509.Certificate) []*x509.Certificate {
	var chain []*x509.Certificate
	left := slices.Clone(rest)
	for at := leaf; !bytes.Equal(at.RawIssuer, at.RawSubject); {
		i := slices.IndexFunc(left, func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, at.RawIssuer) && at.CheckSignatureFrom(c) == nil
		})
		if i < 0 {
			break
		}
		at = left[i]
		left = slices.Delete(left, i, i+1)
		chain = append(chain, at)
	}
	return chain
}

// storeRoots takes the trusted certificates out of a JKS or PKCS#12 store. Only JKS can be read without its password, and
// is then not checked for changes, as in Java.
func storeRoots(data []byte, password string, hasPassword bool) ([]*x509.Certificate, error) {
	if isJKS(data) {
		return jksRoots(data, password, hasPassword)
	}
	if !hasPassword {
		return nil, errors.New("needs ssl.truststore.password")
	}
	roots, err := pkcs12.DecodeTrustStore(data, password)
	switch {
	case err == nil && len(roots) > 0:
		return roots, nil
	case err == nil:
		return nil, errNoRoots
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, pkcs12Problem(err)
	}
	if _, _, _, chainErr := pkcs12.DecodeChain(data, password); chainErr == nil {
		return nil, errors.New("is a key store with a private key; put the trusted certificates into a store of their own " +
			"by: keytool -importcert")
	}
	return nil, pkcs12Problem(err)
}

// errWrongPassword stands for the password of a store, whose property the caller knows. A damaged file looks the same.
var errWrongPassword = errors.New("the password is wrong, or the file is damaged")

var errNoRoots = errors.New("holds no trusted certificate; add one by: keytool -importcert")

// pkcs12Problem words the library's errors for operators; they hold no secrets.
func pkcs12Problem(err error) error {
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return errWrongPassword
	}
	return fmt.Errorf("is not a PKCS#12 or JKS store that can be read (%w)", err)
}

func jksIdentity(data []byte, password, keyPassword string) (*identity, error) {
	entries, err := scanJKS(data)
	if err != nil {
		return nil, err
	}
	ks := keystore.New()
	if err := ks.Load(bytes.NewReader(data), []byte(password)); err != nil {
		return nil, errWrongPassword
	}
	for _, e := range entries {
		if !e.private {
			continue
		}
		entry, err := ks.GetPrivateKeyEntry(e.alias, []byte(keyPassword))
		if err != nil {
			return nil, errWrongKeyPassword
		}
		key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
		if err != nil {
			return nil, errors.New("holds a private key that can't be read (RSA, EC and Ed25519 are supported)")
		}
		chain, err := parseAll(e.certificates)
		if err != nil {
			return nil, err
		}
		return newIdentity(key, chain)
	}
	return nil, errors.New("holds no private key")
}

// jksRoots follows Java's trust manager: trusted entries, and the leaf of private key entries.
func jksRoots(data []byte, password string, hasPassword bool) ([]*x509.Certificate, error) {
	entries, err := scanJKS(data)
	if err != nil {
		return nil, err
	}
	if hasPassword {
		ks := keystore.New()
		if err := ks.Load(bytes.NewReader(data), []byte(password)); err != nil {
			return nil, errWrongPassword
		}
	}
	var roots []*x509.Certificate
	for _, e := range entries {
		certs, err := parseAll(e.certificates[:min(1, len(e.certificates))])
		if err != nil {
			return nil, err
		}
		roots = append(roots, certs...)
	}
	if len(roots) == 0 {
		return nil, errNoRoots
	}
	return roots, nil
}

func parseAll(ders [][]byte) ([]*x509.Certificate, error) {
	certs := make([]*x509.Certificate, 0, len(ders))
	for _, der := range ders {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errors.New("holds a certificate that is not X.509")
		}
		certs = append(certs, c)
	}
	return certs, nil
}

// jksEntry is one entry of a JKS file in file order.
type jksEntry struct {
	alias        string
	private      bool
	certificates [][]byte
}

var errJKS = errors.New("is a damaged JKS store")

// scanJKS walks a JKS file without its password. It also guards the library, which would allocate whatever lengths a
// damaged file claims.
func scanJKS(data []byte) ([]jksEntry, error) {
	s := &jksScanner{data: data}
	s.take(4) // magic
	version, count := s.uint32(), s.uint32()
	if version != 1 && version != 2 {
		return nil, errJKS
	}
	var entries []jksEntry
	for range count {
		tag := s.uint32()
		e := jksEntry{alias: string(s.take(int(s.uint16()))), private: tag == 1}
		s.take(8) // time of creation
		certificates := uint32(1)
		switch tag {
		case 1:
			s.take(int(s.uint32()))
			certificates = s.uint32()
		case 2:
		default:
			return nil, errJKS
		}
		for range certificates {
			if version == 2 {
				s.take(int(s.uint16())) // kind of certificate
			}
			e.certificates = append(e.certificates, s.take(int(s.uint32())))
			if s.failed {
				return nil, errJKS
			}
		}
		if s.failed {
			return nil, errJKS
		}
		entries = append(entries, e)
	}
	s.take(20) // digest
	if s.failed {
		return nil, errJKS
	}
	return entries, nil
}

type jksScanner struct {
	data   []byte
	failed bool
}

func (s *jksScanner) take(n int) []byte {
	if n < 0 || n > len(s.data) {
		s.failed = true
		s.data = nil
		return nil
	}
	out := s.data[:n]
	s.data = s.data[n:]
	return out
}

func (s *jksScanner) uint32() uint32 {
	if b := s.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (s *jksScanner) uint16() uint16 {
	if b := s.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}
