package app

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/inspect"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
)

func TestTopicsIsToldHowItIsCalled(t *testing.T) {
	file := properties(t)
	bad := filepath.Join(t.TempDir(), "client.properties")
	if err := os.WriteFile(bad, []byte("security.protocol=SASL"), 0o600); err != nil {
		t.Fatal(err)
	}
	nameless := filepath.Join(t.TempDir(), "nameless.properties")
	if err := os.WriteFile(nameless, []byte("bootstrap.servers=127.0.0.1:1\nconfig.storage.topic=c"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args           []string
		code           int
		stdout, stderr []string
	}{
		"help":              {[]string{"-h"}, ExitOK, []string{"connectd topics [flags] <worker.properties>", "-bootstrap-server", "-follow"}, nil},
		"nothing":           {nil, ExitUsage, nil, []string{"properties file", "-bootstrap-server"}},
		"unknown flag":      {[]string{file, "-jsno"}, ExitUsage, nil, []string{"-jsno"}},
		"two files":         {[]string{file, "config"}, ExitUsage, nil, []string{"one properties file", `"config"`, "configs, offsets and statuses"}},
		"no such file":      {[]string{"nowhere.properties"}, ExitUsage, nil, []string{"nowhere.properties"}},
		"no topics":         {[]string{"-bootstrap-server", "127.0.0.1:1"}, ExitUsage, nil, []string{"-config-topic"}},
		"not that topic":    {[]string{"-bootstrap-server", "127.0.0.1:1", "-config-topic", "c", "offsets"}, ExitUsage, nil, []string{"offsets", "-offset-topic"}},
		"file without name": {[]string{nameless}, ExitUsage, nil, []string{nameless, "offset.storage.topic", "-offset-topic"}},
		"no brokers":        {[]string{"configs", "-config-topic", "c", bad}, ExitUsage, nil, []string{bad, "bootstrap.servers", "-bootstrap-server"}},
		"bad setting":       {[]string{file, "-command-config", bad}, ExitUsage, nil, []string{file, bad, "security.protocol", "SASL"}},
		"beginning of what": {[]string{file, "-from-beginning"}, ExitUsage, nil, []string{"-follow"}},
		"no time":           {[]string{file, "-timeout", "0s"}, ExitUsage, nil, []string{"-timeout=0s"}},
		"brokers are away":  {[]string{nameless, "configs", "-timeout", "300ms"}, ExitFailure, nil, []string{"127.0.0.1:1", "check that"}},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.NoLeaks(t)
			code, stdout, stderr := cmdline(t, append([]string{"topics"}, c.args...)...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			holds(t, "standard output", stdout, c.stdout)
			holds(t, "standard error", stderr, c.stderr)
			if n := strings.Count("\n"+stderr, "\nconnectd: "); c.code != ExitOK && n != 1 {
				t.Errorf("%d messages instead of one:\n%s", n, stderr)
			}
		})
	}
}

// inspected is a cluster with internal topics in which a few things were written, the last ones in transactions.
type inspected struct {
	*kgoclient.Embedded
	file string // worker properties
	cl   *kgo.Client
}

func newInspected(t *testing.T) *inspected {
	t.Helper()
	e, err := kgoclient.StartEmbedded(kgoclient.EmbeddedConfig{
		ClusterID: "inspected", AutoCreateTopics: true, Topics: map[string]int32{"c": 1, "o": 3, "s": 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	secrets := filepath.Join(t.TempDir(), "secrets.properties")
	if err := os.WriteFile(secrets, []byte("servers="+e.Bootstrap()), 0o600); err != nil {
		t.Fatal(err)
	}
	in := &inspected{Embedded: e, file: properties(t,
		"bootstrap.servers=${file:"+secrets+":servers}", "config.providers=file",
		"config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider",
		"listeners.https.ssl.keystore.password=${file:/not/on/this/machine:x}", // not needed, so not looked up
	)}
	in.cl = in.client(t)
	in.write(t, in.cl, "c", `connector-m {"properties":{"connector.class":"FileStreamSource","name":"m","db.password":"hush"}}`,
		`task-m-0 {"properties":{"name":"m","db.password":"hush"}}`, `commit-m {"tasks":1}`, `task-m-0 {"properties":{"name":"m"}}`, "strange {}",
		`session-key {"key":"aHVzaA==","algorithm":"HmacSHA256","creation-timestamp":7}`)
	in.write(t, in.cl, "s", `status-task-m-0 {"state":"RUNNING","trace":null,"worker_id":"w:1","generation":3,"version":"1"}`)
	tx := in.client(t, kgo.TransactionalID("tx"))
	for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		if err := tx.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		in.write(t, tx, "o", fmt.Sprintf(`["m",{"p":%d}] {"offset":%d}`, i, i), fmt.Sprintf(`["m",{"p":%d}] {"offset":%d}`, i+2, i))
		if err := tx.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

func (in *inspected) client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(in.Addrs()...), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil))}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// write produces "key value" lines.
func (in *inspected) write(t *testing.T, cl *kgo.Client, topic string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		key, value, _ := strings.Cut(l, " ")
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTopicsShowsWhatIsThere(t *testing.T) {
	testkit.NoLeaks(t)
	in := newInspected(t)
	run := func(code int, args ...string) string {
		t.Helper()
		got, stdout, stderr := cmdline(t, append([]string{"topics"}, args...)...)
		if got != code {
			t.Fatalf("%v: exit code %d, want %d: %s", args, got, code, stderr)
		}
		return stdout + stderr
	}
	text := run(ExitOK, in.file)
	holds(t, "the text", text, []string{
		"Connect cluster g at " + in.Bootstrap(), "topic c, 1 partition, 6 records", "half-written: task configs 0", "strange", "[hidden]", `{"p":0}`, `{"p":2}`, "w:1",
	})
	for _, secret := range []string{"hush", "aHVzaA", `{"p":1}`, `{"p":3}`} { // the latter two were aborted
		if strings.Contains(text, secret) {
			t.Errorf("the text holds %s:\n%s", secret, text)
		}
	}
	if text := run(ExitOK, in.file, "--show-secrets", "configs"); !strings.Contains(text, "hush") || strings.Contains(text, "aHVzaA") || strings.Contains(text, "OFFSETS") {
		t.Errorf("with secrets, configs only:\n%s", text)
	}
	var r inspect.Report
	if err := json.Unmarshal([]byte(run(ExitOK, "statuses", in.file, "-json", "offsets")), &r); err != nil {
		t.Fatal(err)
	}
	if r.Configs != nil || len(r.Statuses.Connectors) != 1 || len(r.Offsets.Connectors[0].Partitions) != 2 || r.Cluster.ID != "inspected" || r.Cluster.Group != "g" {
		t.Errorf("%+v", r)
	}
	holds(t, "one topic by flags", run(ExitOK, "-bootstrap-server", in.Bootstrap(), "-offset-topic", "o"), []string{"Connect cluster at", "OFFSETS"})
	holds(t, "the error", run(ExitFailure, in.file, "-connector", "n"), []string{`no record of a connector "n" in c, o, s`})
	holds(t, "the error", run(ExitFailure, in.file, "-offset-topic", "nope", "-status-topic", "nor-this"), []string{
		"connectd: not found on", "topic nope (-offset-topic), topic nor-this (-status-topic)",
	})
	topics, err := kadm.NewClient(in.cl).ListTopics(t.Context())
	if err != nil || topics.Has("nope") || topics.Has("nor-this") {
		t.Errorf("%v, a topic was made: %v", err, topics.Names())
	}
}

func TestTopicsTellsOfAnOpenTransaction(t *testing.T) {
	testkit.NoLeaks(t)
	in := newInspected(t)
	tx := in.client(t, kgo.TransactionalID("open"))
	if err := tx.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	in.write(t, tx, "o", `["m",{"p":9}] {"offset":9}`)
	code, stdout, stderr := cmdline(t, "topics", in.file, "offsets")
	if code != ExitOK || !strings.Contains(stdout, "a transaction is open: 1 offset ") || strings.Contains(stdout, `{"p":9}`) {
		t.Errorf("%d %s\n%s", code, stderr, stdout)
	}
}

func TestTopicsFollows(t *testing.T) {
	testkit.NoLeaks(t)
	in := newInspected(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs output
	code := make(chan int, 1)
	go func() {
		code <- Run(ctx, Distribution{}, []string{"topics", in.file, "-follow", "-from-beginning", "-json"}, &out, &errs)
	}()
	await := func(want ...string) {
		t.Helper()
		testkit.Eventually(t, time.Minute, func(context.Context) error {
			for _, w := range want {
				if !strings.Contains(out.String(), w) {
					return fmt.Errorf("no %s in\n%s%s", w, out.String(), errs.String())
				}
			}
			return nil
		})
	}
	await(`"type":"commit","connector":"m","tasks":1`, `"type":"skipped","key":"strange"`, `"sourcePartition":{"p":2}`, `"type":"task-status"`)
	in.write(t, in.cl, "c", `target-state-m {"state":"PAUSED","state.v2":"PAUSED"}`)
	await(`"type":"target-state","connector":"m","targetState":"PAUSED"`)
	cancel()
	if c := <-code; c != ExitOK || strings.Contains(out.String(), "hush") || strings.Contains(out.String(), "aHVzaA") {
		t.Errorf("exit code %d\n%s%s", c, out.String(), errs.String())
	}
}
