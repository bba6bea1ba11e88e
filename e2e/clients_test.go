package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/connectd/connectd/internal/testkit"
)

// TestForeignClients has clients that others wrote, as they come from their registries, lead connectors through their lives.
func TestForeignClients(t *testing.T) {
	t.Parallel()
	broker := testkit.StartBroker(t)
	n := startNode(t, broker.Bootstrap, "clients", nil)
	file := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(file, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("Java", func(t *testing.T) {
		t.Parallel()
		pom, err := os.ReadFile("clients/java/pom.xml")
		if err != nil {
			t.Fatal(err)
		}
		if out := testkit.RunJava(t, pom, "clients/java/Lifecycle.java", n.url, file); out != "done\n" {
			t.Errorf("the client said %q", out)
		}
	})
	t.Run("Python", func(t *testing.T) {
		t.Parallel()
		python, err := pythonWith("clients/python/requirements.txt")
		if err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			fmt.Fprintf(os.Stderr, "\n!!! SKIPPED %s: %v\n\n", t.Name(), err)
			t.Skip(err)
		}
		if out, err := exec.CommandContext(t.Context(), python, "clients/python/lifecycle.py", n.url, file).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// pythonWith gives the interpreter of a virtual environment with the requirements. It is made once for each content of that file
// and kept in the user's cache.
func pythonWith(requirements string) (string, error) {
	data, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	dir := filepath.Join(cache, "connectd", "python-"+hex.EncodeToString(sum[:6]))
	python := filepath.Join(dir, "bin", "python")
	// An interpreter that has been removed since leaves an environment that does not run.
	if exec.Command(python, "-c", "").Run() == nil {
		return python, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), "python-part-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(part)
	for _, c := range []*exec.Cmd{
		exec.Command("python3", "-m", "venv", part),
		exec.Command(filepath.Join(part, "bin", "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", requirements),
	} {
		if out, err := c.CombinedOutput(); err != nil {
			return "", fmt.Errorf("needs Python 3 with venv and pip: %v: %w\n%s", c.Args, err, out)
		}
	}
	err = os.Rename(part, dir)
	if err == nil || exec.Command(python, "-c", "").Run() == nil { // made by another process meanwhile
		return python, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return python, os.Rename(part, dir)
}
