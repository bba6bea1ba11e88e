package clientconf

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

func material(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func ssl(pairs ...string) map[string]string {
	return with(append([]string{"security.protocol", "ssl"}, pairs...)...)
}

// verifies tells whether the client certificate in s chains up to the roots in s.
func verifies(t *testing.T, s *Settings) {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(s.Librdkafka["ssl.certificate.pem"]), []byte(s.Librdkafka["ssl.key.pem"]))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(s.Librdkafka["ssl.ca.pem"])) {
		t.Fatal("no roots")
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Fatal(err)
	}
	if s.TLS.RootsPEM != s.Librdkafka["ssl.ca.pem"] || s.TLS.KeyPEM.Reveal() != s.Librdkafka["ssl.key.pem"] {
		t.Error("the two clients get different material")
	}
}

func TestStores(t *testing.T) {
	oneLine := strings.ReplaceAll(material(t, "ca.pem"), "\n", " ")
	tests := map[string]map[string]string{
		"JKS with its own key password": ssl(
			"ssl.keystore.location", "testdata/client.jks", "ssl.keystore.password", "changeit", "ssl.key.password", "keypass",
			"ssl.truststore.location", "testdata/trust.jks", "ssl.truststore.password", "changeit"),
		"PKCS12 by keytool": ssl(
			"ssl.keystore.type", "PKCS12", "ssl.keystore.location", "testdata/keytool.p12", "ssl.keystore.password", "changeit",
			"ssl.truststore.type", "PKCS12", "ssl.truststore.location", "testdata/trust.p12", "ssl.truststore.password", "changeit"),
		"PKCS12 by openssl, type left out as Java allows": ssl(
			"ssl.keystore.location", "testdata/openssl.p12", "ssl.keystore.password", "changeit",
			"ssl.truststore.location", "testdata/trust.p12", "ssl.truststore.password", "changeit"),
		"JKS trust store without password": ssl(
			"ssl.keystore.location", "testdata/openssl.p12", "ssl.keystore.password", "changeit",
			"ssl.truststore.location", "testdata/trust.jks"),
		"PEM files, key encrypted by AES": ssl(
			"ssl.keystore.type", "PEM", "ssl.keystore.location", "both.pem", "ssl.key.password", "keypass",
			"ssl.truststore.type", "pem", "ssl.truststore.location", "testdata/ca.pem"),
		"PEM in properties, key encrypted by 3DES": ssl(
			"ssl.keystore.type", "PEM", "ssl.keystore.key", material(t, "client-key-des3.pem"), "ssl.key.password", "keypass",
			"ssl.keystore.certificate.chain", material(t, "client.pem"),
			"ssl.truststore.type", "PEM", "ssl.truststore.certificates", material(t, "ca.pem")),
		"PEM joined to one line, plain key": ssl(
			"ssl.keystore.type", "PEM", "ssl.keystore.key", strings.ReplaceAll(material(t, "client-key.pem"), "\n", " "),
			"ssl.keystore.certificate.chain", strings.ReplaceAll(material(t, "client.pem"), "\n", "   ")+oneLine,
			"ssl.truststore.type", "PEM", "ssl.truststore.certificates", "Bag Attributes: x\n"+oneLine),
	}
	read := func(path string) ([]byte, error) {
		if path == "both.pem" {
			return []byte(material(t, "client-key-aes.pem") + material(t, "client.pem")), nil
		}
		return os.ReadFile(path)
	}
	for name, props := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := Translate(Admin, props, read)
			if err != nil {
				t.Fatal(err)
			}
			verifies(t, s)
		})
	}
}

func TestKeytoolGeneratedPairIsReadWithoutIssuer(t *testing.T) {
	s := mustTranslate(t, Admin, ssl("ssl.keystore.location", "testdata/genkeypair.p12", "ssl.keystore.password", "changeit"))
	if strings.Count(s.TLS.CertificatePEM, "BEGIN CERTIFICATE") != 1 || s.TLS.RootsPEM != "" {
		t.Errorf("%+v", s.TLS)
	}
}

func TestStoreErrors(t *testing.T) {
	key, chain := material(t, "client-key.pem"), material(t, "client.pem")
	tests := map[string]struct {
		props map[string]string
		want  string
	}{
		"missing file":        {ssl("ssl.truststore.location", "testdata/nowhere", "ssl.truststore.password", "x"), "no such file"},
		"wrong JKS password":  {ssl("ssl.truststore.location", "testdata/trust.jks", "ssl.truststore.password", "x"), "password is wrong"},
		"wrong P12 password":  {ssl("ssl.truststore.location", "testdata/trust.p12", "ssl.truststore.password", "x"), "password is wrong"},
		"no P12 password":     {ssl("ssl.truststore.location", "testdata/trust.p12"), "needs ssl.truststore.password"},
		"key store as roots":  {ssl("ssl.truststore.location", "testdata/keytool.p12", "ssl.truststore.password", "changeit"), "key store with a private key"},
		"no store":            {ssl("ssl.truststore.location", "testdata/ca.pem", "ssl.truststore.password", "x"), "not a PKCS#12 or JKS store"},
		"no key in store":     {ssl("ssl.keystore.location", "testdata/trust.jks", "ssl.keystore.password", "changeit"), "no private key"},
		"wrong key password":  {ssl("ssl.keystore.location", "testdata/client.jks", "ssl.keystore.password", "changeit"), "ssl.key.password is wrong"},
		"password without":    {ssl("ssl.keystore.password", "x"), "is missing"},
		"store without":       {ssl("ssl.keystore.location", "testdata/client.jks"), "needs ssl.keystore.password"},
		"inline needs PEM":    {ssl("ssl.truststore.certificates", chain), "ssl.truststore.type=PEM"},
		"key without chain":   {ssl("ssl.keystore.type", "PEM", "ssl.keystore.key", key), "together"},
		"strangers":           {ssl("ssl.keystore.type", "PEM", "ssl.keystore.key", key, "ssl.keystore.certificate.chain", material(t, "ca.pem")), "don't go together"},
		"encrypted, no pass":  {ssl("ssl.keystore.type", "PEM", "ssl.keystore.key", material(t, "client-key-aes.pem"), "ssl.keystore.certificate.chain", chain), "ssl.key.password is needed"},
		"encrypted, bad pass": {ssl("ssl.keystore.type", "PEM", "ssl.keystore.key", material(t, "client-key-aes.pem"), "ssl.key.password", "x", "ssl.keystore.certificate.chain", chain), "ssl.key.password is wrong"},
		"old cipher":          {ssl("ssl.keystore.type", "PEM", "ssl.keystore.key", material(t, "client-key-legacy.pem"), "ssl.key.password", "keypass", "ssl.keystore.certificate.chain", chain), "openssl pkcs8"},
		"two keys":            {ssl("ssl.keystore.type", "PEM", "ssl.keystore.key", key+key, "ssl.keystore.certificate.chain", chain), "one private key"},
		"PEM store password":  {ssl("ssl.truststore.type", "PEM", "ssl.truststore.location", "testdata/ca.pem", "ssl.truststore.password", "x"), "no store password"},
		"broken PEM":          {ssl("ssl.truststore.type", "PEM", "ssl.truststore.certificates", "-----BEGIN CERTIFICATE-----\nAAAA"), "END line"},
		"no PEM":              {ssl("ssl.truststore.type", "PEM", "ssl.truststore.certificates", "hello"), "at least one certificate"},
		"unknown type":        {ssl("ssl.truststore.type", "BCFKS"), "JKS, PKCS12, PEM"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Translate(Admin, tt.props, os.ReadFile)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestGeneratedStores makes stores in the test itself, so that nothing hangs on the files that keytool once wrote. The
// chain has an intermediate authority and stands in the PKCS#12 file in the wrong order.
func TestGeneratedStores(t *testing.T) {
	rootKey, root := newCert(t, "root", nil, nil)
	midKey, mid := newCert(t, "intermediate", root, rootKey)
	leafKey, leaf := newCert(t, "leaf", mid, midKey)
	_ = leafKey

	p12, err := pkcs12.Modern.Encode(leafKey, leaf, []*x509.Certificate{root, mid}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	trustP12, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{root}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	ks := keystore.New()
	cert := func(c *x509.Certificate) keystore.Certificate {
		return keystore.Certificate{Type: "X509", Content: c.Raw}
	}
	err = ks.SetPrivateKeyEntry("leaf", keystore.PrivateKeyEntry{
		CreationTime: time.Unix(0, 0), PrivateKey: der, CertificateChain: []keystore.Certificate{cert(leaf), cert(mid), cert(root)},
	}, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if err := ks.SetTrustedCertificateEntry("root", keystore.TrustedCertificateEntry{CreationTime: time.Unix(0, 0), Certificate: cert(root)}); err != nil {
		t.Fatal(err)
	}
	var jks bytes.Buffer
	if err := ks.Store(&jks, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"k.p12": p12, "t.p12": trustP12, "both.jks": jks.Bytes()}
	read := func(path string) ([]byte, error) { return files[path], nil }

	for _, stores := range [][2]string{{"k.p12", "t.p12"}, {"both.jks", "both.jks"}} {
		s, err := Translate(Producer, ssl("ssl.keystore.location", stores[0], "ssl.keystore.password", "secret",
			"ssl.truststore.location", stores[1], "ssl.truststore.password", "secret"), read)
		if err != nil {
			t.Fatal(err)
		}
		chain, err := pemCertificates(s.TLS.CertificatePEM)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range chain {
			names = append(names, c.Subject.CommonName)
		}
		if got := strings.Join(names, " "); got != "leaf intermediate root" {
			t.Errorf("%v: chain %s", stores, got)
		}
	}
}

func newCert(t *testing.T, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
		IsCA: true, BasicConstraintsValid: true,
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, c
}

func TestTLSVersionsAndSuites(t *testing.T) {
	s := mustTranslate(t, Admin, ssl("ssl.enabled.protocols", "TLSv1.2", "ssl.endpoint.identification.algorithm", "",
		"ssl.cipher.suites", "TLS_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"))
	if s.TLS.MaxVersion != tls.VersionTLS12 || s.TLS.VerifyHostname || len(s.TLS.CipherSuites) != 2 {
		t.Errorf("%+v", s.TLS)
	}
	if got := s.Librdkafka["ssl.cipher.suites"]; got != "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256" {
		t.Error(got)
	}
	if got := s.Librdkafka["ssl.endpoint.identification.algorithm"]; got != "none" {
		t.Error(got)
	}
	for _, c := range ciphers {
		if tls.CipherSuiteName(c.id) != c.name {
			t.Errorf("%s is named %s", c.name, tls.CipherSuiteName(c.id))
		}
	}
}

func FuzzStores(f *testing.F) {
	for _, name := range []string{
		"client.jks", "trust.jks", "keytool.p12", "openssl.p12", "trust.p12", "genkeypair.p12", "client.pem", "client-key-aes.pem", "client-key-des3.pem",
	} {
		f.Add([]byte(material(f, name)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := scanJKS(data); err == nil && len(data) < 32 {
			t.Error("a JKS store without content")
		}
		if isJKS(data) { // PKCS#12 files may ask for unbounded work; they are the operator's own
			_, _ = storeIdentity(data, "changeit", "keypass")
			_, _ = storeRoots(data, "changeit", true)
			_, _ = storeRoots(data, "", false)
		}
		_, _ = pemIdentity(string(data), string(data), "")
		if blocks, err := parsePEM(string(data)); err == nil {
			for _, b := range blocks {
				if len(b.der) == 0 {
					t.Error("an empty PEM block")
				}
			}
		}
	})
}
