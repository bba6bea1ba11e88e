package app

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDedicatedArguments: the command lines of connect-mirror-maker.sh, and lists with commas.
func TestDedicatedArguments(t *testing.T) {
	for _, tc := range []struct {
		args, file, clusters, fault string
	}{
		{"mm2.properties", "mm2.properties", "", ""},
		{"mm2.properties --clusters a", "mm2.properties", "a", ""},
		{"mm2.properties --clusters a b", "mm2.properties", "a b", ""},
		{"mm2.properties --clusters a,b", "mm2.properties", "a b", ""},
		{"mm2.properties --clusters=a,b", "mm2.properties", "a b", ""},
		{"--clusters=a,b mm2.properties", "mm2.properties", "a b", ""},
		{"--clusters a b mm2.properties", "mm2.properties", "a b", ""},
		{"--clusters a", "", "", "takes one properties file, such as mm2.properties; got 0"},
		{"a.properties b.properties", "", "", "takes one properties file, such as mm2.properties; got 2"},
		{"mm2.properties --clusters", "", "", "--clusters needs the alias of at least one cluster"},
		{"mm2.properties --clusters ,", "", "", "--clusters needs the alias of at least one cluster"},
		{"mm2.properties --cluster a", "", "", `unknown flag "--cluster"`},
	} {
		file, clusters, err := parseDedicated(strings.Fields(tc.args))
		if tc.fault != "" {
			if err == nil || !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("%s: %v; want %q", tc.args, err, tc.fault)
			}
			continue
		}
		if err != nil || file != tc.file || !slices.Equal(clusters, strings.Fields(tc.clusters)) {
			t.Errorf("%s: %q %q %v", tc.args, file, clusters, err)
		}
	}
}

// TestMirrorRefusesBadFiles: exit code 2, and one line that names file, property and value.
func TestMirrorRefusesBadFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mm2.properties")
	if err := os.WriteFile(file, []byte("clusters=A,B\nA.bootstrap.servers=a:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := Run(t.Context(), Distribution{}, []string{"mirror", file}, &stdout, &stderr)
	want := "connectd: " + file + `: Missing required configuration "B.bootstrap.servers" which has no default value`
	if code != ExitUsage || !strings.HasPrefix(stderr.String(), want) || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("%d %q; want %q", code, stderr.String(), want)
	}
	if code := Run(t.Context(), Distribution{}, []string{"mirror", file + ".absent"}, &stdout, &stderr); code != ExitUsage {
		t.Error(code)
	}
}
