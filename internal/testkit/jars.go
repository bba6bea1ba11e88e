package testkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// RunJava compiles a Java program of one source file, runs it to its end and returns its standard output; the test fails if its
// exit code is not 0. Its class path are the jars that the pom depends on and nothing else: they come from Maven Central, once for
// each machine and content of the pom. Without a JDK or Maven the test is skipped with a loud line, and fails if CI=true.
func RunJava(t testing.TB, pom []byte, source string, args ...string) string {
	t.Helper()
	in := installed(t, func() (*installation, error) { return newJars(pom) })
	if err := in.compiler(); err != nil {
		refuse(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), readyTimeout)
	defer cancel()
	var stdout, stderr strings.Builder
	command := exec.CommandContext(ctx, in.java, slices.Concat(quickJVM, []string{source}, args)...)
	command.Env = append(os.Environ(), "CLASSPATH="+in.classpath)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("testkit: %s: %v\n%s%s", filepath.Base(source), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// newJars is an installation of the jars alone, in a cache folder named for the pom.
func newJars(pom []byte) (*installation, error) {
	sum := sha256.Sum256(pom)
	in, err := prepare(release{pom: pom}, "jars-"+hex.EncodeToString(sum[:6]))
	if err != nil {
		return nil, err
	}
	in.classpath = in.path("libs", "*")
	return in, nil
}
