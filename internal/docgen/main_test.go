package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPagesAreFresh(t *testing.T) {
	for name, want := range pages() {
		got, err := os.ReadFile(filepath.Join("../../docs", name))
		if err != nil || string(got) != want {
			t.Errorf("docs/%s is stale, run 'make docs' (%v)", name, err)
		}
	}
}

func TestEveryKeyIsOnThePage(t *testing.T) {
	page := pages()["configuration.md"]
	for _, s := range configuration() {
		for _, k := range s.def.Keys() {
			if !k.Internal && !strings.Contains(page, "`"+k.Name+"`\n") {
				t.Errorf("%s of %s is missing", k.Name, s.title)
			}
		}
	}
}
