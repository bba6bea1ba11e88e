package app

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
)

// output is a buffer that may be read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// cmdline runs a command line that ends by itself.
func cmdline(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs output
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code = Run(ctx, Distribution{Version: "1.2.3", Commit: "abc"}, args, &out, &errs)
	if ctx.Err() != nil {
		t.Fatalf("%v did not end", args)
	}
	return code, out.String(), errs.String()
}

// properties writes a worker's file: the least that it needs, and more lines.
func properties(t *testing.T, more ...string) string {
	t.Helper()
	lines := []string{
		"bootstrap.servers=127.0.0.1:1", "group.id=g", "config.storage.topic=c", "offset.storage.topic=o", "status.storage.topic=s",
		"key.converter=org.apache.kafka.connect.json.JsonConverter", "value.converter=org.apache.kafka.connect.json.JsonConverter",
		"listeners=http://127.0.0.1:0",
	}
	file := filepath.Join(t.TempDir(), "worker.properties")
	if err := os.WriteFile(file, []byte(strings.Join(append(lines, more...), "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestExitCodes(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	healthy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			http.Error(w, "a worker that starts", http.StatusServiceUnavailable)
		}
	}))
	defer healthy.Close()
	garbled := filepath.Join(t.TempDir(), "garbled.properties")
	if err := os.WriteFile(garbled, []byte(`a=\u12`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args           []string
		code           int
		stdout, stderr []string // what must stand there; nothing for none at all
	}{
		"nothing":           {nil, ExitUsage, nil, []string{"Usage:", "distributed", "Exit codes"}},
		"help":              {[]string{"help"}, ExitOK, []string{"Usage:", "healthcheck"}, nil},
		"-h":                {[]string{"-h"}, ExitOK, []string{"Usage:"}, nil},
		"version":           {[]string{"version"}, ExitOK, []string{"connectd 1.2.3 (commit abc)", "Kafka Connect 4.3.1"}, nil},
		"--version":         {[]string{"--version"}, ExitOK, []string{"1.2.3"}, nil},
		"unknown":           {[]string{"standalonne"}, ExitUsage, nil, []string{`unknown command "standalonne"`}},
		"no file":           {[]string{"distributed"}, ExitUsage, nil, []string{"one argument"}},
		"two files":         {[]string{"distributed", "a", "b"}, ExitUsage, nil, []string{"one argument"}},
		"missing file":      {[]string{"distributed", "nowhere.properties"}, ExitUsage, nil, []string{"nowhere.properties"}},
		"garbled file":      {[]string{"distributed", garbled}, ExitUsage, nil, []string{garbled}},
		"wrong number":      {[]string{"distributed", properties(t, "session.timeout.ms=soon")}, ExitUsage, nil, []string{"worker.properties", "session.timeout.ms", "soon"}},
		"wrong choice":      {[]string{"distributed", properties(t, "connect.protocol=lazy")}, ExitUsage, nil, []string{"connect.protocol", "lazy", "sessioned"}},
		"missing":           {[]string{"distributed", properties(t, "group.id=")}, ExitUsage, nil, []string{"group.id"}},
		"unknown converter": {[]string{"distributed", properties(t, "key.converter=com.example.X")}, ExitUsage, nil, []string{"key.converter", "com.example.X"}},
		"exactly once":      {[]string{"distributed", properties(t, "exactly.once.source.support=maybe")}, ExitUsage, nil, []string{"exactly.once.source.support"}},
		"wrong security":    {[]string{"distributed", properties(t, "security.protocol=SASL")}, ExitUsage, nil, []string{"security.protocol"}},
		"no keystore":       {[]string{"distributed", properties(t, "listeners=https://127.0.0.1:0")}, ExitUsage, nil, []string{"keystore"}},
		"port in use":       {[]string{"distributed", properties(t, "listeners=http://"+busy.Addr().String())}, ExitFailure, nil, []string{busy.Addr().String(), "in use"}},
		"healthy":           {[]string{"healthcheck", healthy.URL + "/"}, ExitOK, nil, nil},
		"unhealthy":         {[]string{"healthcheck", healthy.URL + "/x"}, ExitFailure, nil, []string{"503", "a worker that starts"}},
		"no worker":         {[]string{"healthcheck", "http://127.0.0.1:1"}, ExitFailure, nil, []string{"healthcheck", "127.0.0.1:1"}},
		"two urls":          {[]string{"healthcheck", "a", "b"}, ExitUsage, nil, []string{"one URL"}},
		"dev help":          {[]string{"dev", "-h"}, ExitOK, []string{"-port", "-no-sample", "-data-dir"}, nil},
		"dev unknown flag":  {[]string{"dev", "-prot", "1"}, ExitUsage, nil, []string{"-prot"}},
		"dev argument":      {[]string{"dev", "now"}, ExitUsage, nil, []string{`"now"`}},
		"dev port":          {[]string{"dev", "-port", "65535"}, ExitUsage, nil, []string{"65535", "2 workers"}},
		"dev workers":       {[]string{"dev", "-workers", "0"}, ExitUsage, nil, []string{"-workers=0"}},
		"dev rate":          {[]string{"dev", "-rate", "-1"}, ExitUsage, nil, []string{"-rate=-1"}},
		"dev port in use":   {[]string{"dev", "-port", fmt.Sprint(busy.Addr().(*net.TCPAddr).Port)}, ExitFailure, nil, []string{busy.Addr().String()}},
		"dev data folder":   {[]string{"dev", "-data-dir", garbled}, ExitFailure, nil, []string{"-data-dir", garbled}},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.NoLeaks(t)
			code, stdout, stderr := cmdline(t, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			holds(t, "standard output", stdout, c.stdout)
			holds(t, "standard error", stderr, c.stderr)
			if n := strings.Count("\n"+stderr, "\nconnectd: "); c.code != ExitOK && name != "nothing" && n != 1 {
				t.Errorf("%d messages instead of one:\n%s", n, stderr)
			}
			if strings.Contains(stderr, "goroutine ") {
				t.Errorf("a stack dump:\n%s", stderr)
			}
		})
	}
}

func holds(t *testing.T, what, text string, want []string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s lacks %q:\n%s", what, w, text)
		}
	}
	if len(want) == 0 && text != "" {
		t.Errorf("%s should be empty:\n%s", what, text)
	}
}

// twoPorts finds two free ports side by side.
func twoPorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := testkit.FreePort(t)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1)); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no two free ports side by side")
	return 0
}

func TestDevMirrorsSamplesUntilItIsStopped(t *testing.T) {
	testkit.NoLeaks(t)
	port := twoPorts(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs output
	code := make(chan int, 1)
	go func() {
		code <- Run(ctx, Distribution{}, []string{"dev", "--port", fmt.Sprint(port), "--kafka-port", fmt.Sprint(twoPorts(t)), "--rate", "200", "--data-dir", t.TempDir()}, &out, &errs)
	}()
	testkit.Eventually(t, 2*time.Minute, func(context.Context) error {
		for _, want := range []string{
			"source cluster", fmt.Sprintf("http://127.0.0.1:%d", port), fmt.Sprintf("http://127.0.0.1:%d", port+1), "$ curl -X POST", "-> 201",
			fmt.Sprintf("127.0.0.1:%d=2", port), fmt.Sprintf("127.0.0.1:%d=2", port+1),
		} {
			if !strings.Contains(out.String(), want) {
				return fmt.Errorf("no %q in\n%s\n%s", want, out.String(), errs.String())
			}
		}
		lines := strings.Split(out.String(), "\r")
		var in, inRate, copied int
		if _, err := fmt.Sscanf(lines[len(lines)-1], "in %d (+%d/s)  out %d", &in, &inRate, &copied); err != nil || copied == 0 {
			return fmt.Errorf("nothing copied yet: %q, %v", lines[len(lines)-1], err)
		}
		return nil
	})
	cancel()
	if c := <-code; c != ExitOK {
		t.Errorf("exit code %d\n%s", c, errs.String())
	}
	if !strings.HasSuffix(out.String(), "stopped: workers have left their group, clusters are closed\n") {
		t.Errorf("the last words are missing:\n%s", out.String())
	}
}

func TestDevWithoutSample(t *testing.T) {
	testkit.NoLeaks(t)
	port := testkit.FreePort(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs output
	code := make(chan int, 1)
	go func() {
		code <- Run(ctx, Distribution{}, []string{"dev", "-port", fmt.Sprint(port), "-workers", "1", "-no-sample"}, &out, &errs)
	}()
	testkit.Eventually(t, time.Minute, func(context.Context) error {
		if !strings.Contains(out.String(), "ready. Try:") {
			return fmt.Errorf("not ready:\n%s%s", out.String(), errs.String())
		}
		return nil
	})
	cancel()
	if c := <-code; c != ExitOK || strings.Contains(out.String(), "curl -X POST") {
		t.Errorf("exit code %d\n%s\n%s", c, out.String(), errs.String())
	}
}
