package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// storePassword protects the stores that tests make.
const storePassword = "store-secret"

// stores are key and trust stores of a server at 127.0.0.1, made by keytool as an operator makes them.
type stores struct {
	keystore, jks string // the server's key and its certificate, which is its own authority: PKCS12, JKS
	trust         string // the certificate alone: PKCS12, JKS, PEM
	trustJKS      string
	trustPEM      string
}

// newStores makes the stores once for all tests: each call of keytool starts a JVM.
func newStores(t *testing.T) *stores {
	t.Helper()
	if _, err := exec.LookPath("keytool"); err != nil {
		t.Skip("keytool is not in PATH")
	}
	s, err := makeStores()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var makeStores = sync.OnceValues(func() (*stores, error) {
	dir := filepath.Join(filepath.Dir(connectd), "stores") // removed with the binary
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	s := &stores{
		keystore: filepath.Join(dir, "server.p12"), jks: filepath.Join(dir, "server.jks"),
		trust: filepath.Join(dir, "trust.p12"), trustJKS: filepath.Join(dir, "trust.jks"), trustPEM: filepath.Join(dir, "trust.pem"),
	}
	for _, args := range [][]string{
		{
			"-genkeypair", "-alias", "server", "-dname", "CN=connectd test", "-keyalg", "EC", "-groupname", "secp256r1",
			"-ext", "san=ip:127.0.0.1,dns:localhost", "-ext", "eku=serverAuth,clientAuth", "-ext", "bc:c",
			"-keystore", s.keystore, "-storetype", "PKCS12",
		},
		{"-exportcert", "-rfc", "-alias", "server", "-keystore", s.keystore, "-file", s.trustPEM},
		{"-importcert", "-noprompt", "-alias", "server", "-keystore", s.trust, "-storetype", "PKCS12", "-file", s.trustPEM},
		{"-importcert", "-noprompt", "-alias", "server", "-keystore", s.trustJKS, "-storetype", "JKS", "-file", s.trustPEM},
		{
			"-importkeystore", "-noprompt", "-srckeystore", s.keystore, "-srcstorepass", storePassword,
			"-destkeystore", s.jks, "-deststoretype", "JKS", "-deststorepass", storePassword,
		},
	} {
		if args[0] != "-importkeystore" {
			args = append(args, "-storepass", storePassword)
		}
		args = append(args, "-J-XX:TieredStopAtLevel=1")
		if out, err := exec.Command("keytool", args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("keytool %v: %w\n%s", args, err, out)
		}
	}
	return s, nil
})

// ssl are the ssl.* properties of these stores, each with a prefix: key and trust store in the given type.
func (s *stores) ssl(prefix, storeType string) map[string]string {
	key, trust := s.keystore, s.trust
	if storeType == "JKS" {
		key, trust = s.jks, s.trustJKS
	}
	return map[string]string{
		prefix + "ssl.keystore.location": key, prefix + "ssl.keystore.type": storeType, prefix + "ssl.keystore.password": storePassword,
		prefix + "ssl.truststore.location": trust, prefix + "ssl.truststore.type": storeType, prefix + "ssl.truststore.password": storePassword,
	}
}

// merged joins property maps; later ones win.
func merged(maps ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}
