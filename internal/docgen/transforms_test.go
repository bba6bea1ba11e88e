package main

import (
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connectors/transform"
)

func TestEveryTransformationIsOnThePage(t *testing.T) {
	page := pages()["transformations.md"]
	defs := declared{}
	transform.Register(defs, time.Now)
	for class := range defs {
		if !strings.Contains(page, "`"+class+"`") {
			t.Errorf("%s is missing", class)
		}
	}
	for _, s := range transformations() {
		if s.def == nil {
			t.Errorf("there is no %s", s.title)
		}
	}
}
