package housetest

import (
	"fmt"
	"strings"
	"testing"
)

func TestRulesTellUpDownAndSideways(t *testing.T) {
	for _, test := range []struct{ from, to, want string }{
		{"worker", "worker/task", ""},
		{"worker/task", "worker/task/ledger", ""},
		{"worker/task", "worker", "upward"},
		{"worker/task", "worker/group", "sideways"},
		{"worker/herder", "worker/assign", ""},
		{"worker/herder", "storage", "upward"},
		{"storage/memlog", "storage", ""},
		{"storage", "storage/memlog", "sideways"},
		{"connect", "connect/config", ""},
		{"connect", "worker/proto", "upward"},
		{"connectors/all", "connectors/mirror", ""},
		{"worker", "connectors/all", "sideways"},
		{"cmd/connectd", "internal/kafka", ""},
		{"app", "internal/node", ""},
		{"internal/node", "app", "sideways"},
		{"rest", "cmd/connectd", "upward"},
	} {
		from, _ := roomOf(module + "/" + test.from)
		to, _ := roomOf(module + "/" + test.to)
		got := mayImport(from, to)
		if test.want == "" && got != "" || !strings.HasPrefix(got, test.want) {
			t.Errorf("%s -> %s: %q, want %q", test.from, test.to, got, test.want)
		}
	}
}

func TestRoomsAreFoundByTheirLongestPath(t *testing.T) {
	for path, want := range map[string]string{
		"connectors/mirror/rawbatch": "connectors/mirror/rawbatch",
		"connectors/mirror/x/y":      "connectors/mirror",
		"connectx":                   "",
		"somewhere":                  "",
	} {
		if got, _ := roomOf(module + "/" + path); got.path != want {
			t.Errorf("%s is in room %q, want %q", path, got.path, want)
		}
	}
}

func TestImpuritiesAreSeen(t *testing.T) {
	const source = `package p

import (
	"net"
	"net/http"
	"net/url"
	"os"
	stopwatch "time"
)

var _ = stopwatch.Second

func f() {
	go f()
	stopwatch.Now()
	_, _ = url.Parse("")
	_, _ = net.Dial("", "")
	os.Exit(http.StatusOK)
	_, _ = http.Get("")
}
`
	got := fmt.Sprint(impurities(t, "p.go", source))
	want := "[p.go:7: imports os p.go:14: starts a goroutine p.go:15: uses stopwatch.Now p.go:17: uses net.Dial p.go:19: uses http.Get]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
