package worker

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

func TestLevelsReachLoggersThatAreInUse(t *testing.T) {
	var out bytes.Buffer
	logs := NewLogs(hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: &out, IndependentLevels: true}))
	task := logs.For("task", "task", "a-0")
	deeper := task.With("n", 1).Named("x")
	task.Debug("one")
	logs.Set("task", "debug")
	task.Debug("two")
	deeper.Debug("three")
	logs.Set("root", "OFF")
	task.Error("four")
	logs.Set("root", "WARN")
	deeper.Info("five")
	deeper.Warn("six")
	var words []string
	for _, w := range []string{"one", "two", "three", "four", "five", "six"} {
		if strings.Contains(out.String(), w) {
			words = append(words, w)
		}
	}
	if diff := cmp.Diff([]string{"two", "three", "six"}, words); diff != "" {
		t.Errorf("%s\n%s", diff, out.String())
	}
	if strings.Count(out.String(), "task=a-0") != 3 {
		t.Errorf("lines without their task:\n%s", out.String())
	}
}

func TestLevelsOfLoggersNamedLater(t *testing.T) {
	logs := NewLogs(hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: &bytes.Buffer{}, IndependentLevels: true}))
	logs.Named("a")
	level := func(name string) string {
		logs.Named(name)
		l, _ := logs.Get(name)
		return l.Level
	}
	if _, ok := logs.Get("a.b"); ok {
		t.Error("a logger that nobody named has a level")
	}
	if diff := cmp.Diff([]string{"a.b"}, logs.Set("a.b", "DEBUG")); diff != "" {
		t.Error(diff)
	}
	if l, _ := logs.Get("a.b"); l.Level != "DEBUG" || l.LastModified == nil || logs.All()["a.b"].Level != "DEBUG" {
		t.Errorf("a level that was set for a logger named later: %+v", l)
	}
	if got := logs.Set("a.b", "DEBUG"); len(got) != 0 {
		t.Errorf("changed %v, want nothing", got)
	}
	if got := level("a.b.c"); got != "DEBUG" {
		t.Errorf("below what was set: %s", got)
	}
	if diff := cmp.Diff([]string{"a", "a.b.c"}, logs.Set("a", "ERROR")); diff != "" {
		t.Error(diff)
	}
	if got := level("a.b.c"); got != "ERROR" {
		t.Errorf("after a level further up was set: %s", got)
	}
	if got := logs.Set("a", "LOUD"); got != nil || level("a") != "ERROR" {
		t.Errorf("an unknown level changed %v", got)
	}
}
