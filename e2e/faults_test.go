package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// startFault runs a worker that cannot start, and returns its exit code and what it wrote to standard error.
func startFault(t *testing.T, props map[string]string) (int, string) {
	t.Helper()
	// Far more than it takes, and less than a minute, after which many things give up by themselves.
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, connectd, "distributed", writeProps(t, props))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("the worker still runs:\n%s", stderr.String())
	}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stderr.String()
}

// checkFault looks at the end of a worker that could not start: one last line that names all of want, and nothing that is
// for programmers.
func checkFault(t *testing.T, code, wantCode int, stderr string, want ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	last := lines[len(lines)-1]
	if code != wantCode || !strings.HasPrefix(last, "connectd: ") {
		t.Errorf("exit code %d, want %d and a last line of connectd's own:\n%s", code, wantCode, stderr)
	}
	for _, w := range want {
		if !strings.Contains(last, w) {
			t.Errorf("the last line does not name %q:\n%s", w, last)
		}
	}
	for _, trace := range []string{"goroutine ", "panic", ".go:", "hunter2"} {
		if strings.Contains(stderr, trace) {
			t.Errorf("standard error holds %q:\n%s", trace, stderr)
		}
	}
	if n := strings.Count(stderr, "[ERROR]"); n > 3 { // one for each internal topic
		t.Errorf("%d lines of errors for one fault:\n%s", n, stderr)
	}
	t.Log(last)
}

// guarded is a broker whose plain listener may do all, and whose SASL listener knows users of few rights.
func guarded(t *testing.T) *testkit.Broker {
	return testkit.StartBroker(t,
		testkit.Listener("SAFE", "SASL_PLAINTEXT"),
		testkit.Property("listener.name.safe.sasl.enabled.mechanisms", "PLAIN"),
		testkit.Property("listener.name.safe.plain.sasl.jaas.config",
			`org.apache.kafka.common.security.plain.PlainLoginModule required user_topics="hunter2" user_nobody="hunter2" user_group="hunter2";`),
		testkit.Property("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
		testkit.Property("super.users", "User:ANONYMOUS"),
		testkit.Property("auto.create.topics.enable", "false"))
}

func sasl(user, password string) map[string]string {
	return map[string]string{
		"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
		"sasl.jaas.config": fmt.Sprintf(`org.apache.kafka.common.security.plain.PlainLoginModule required username="%s" password="%s";`, user, password),
	}
}

// allow lets a user do these things to all topics whose names begin with prefix.
func allow(t *testing.T, admin *kadm.Client, user, prefix string, operations ...kadm.ACLOperation) {
	t.Helper()
	created, err := admin.CreateACLs(t.Context(), kadm.NewACLs().Allow("User:"+user).AllowHosts("*").Topics(prefix).
		ResourcePatternType(kadm.ACLPatternPrefixed).Operations(operations...))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range created {
		if c.Err != nil {
			t.Fatal(c.Err)
		}
	}
}

// TestStartupFaultsOfTheCluster starts workers against a real broker that has something against them.
func TestStartupFaultsOfTheCluster(t *testing.T) {
	broker := guarded(t)
	admin := kadm.NewClient(kafkaClient(t, broker.Bootstrap))
	str := func(s string) *string { return &s }
	createTopic(t, broker.Bootstrap, "deleted-offsets", 1, map[string]*string{"cleanup.policy": str("delete")})
	createTopic(t, broker.Bootstrap, "wide-configs", 3, map[string]*string{"cleanup.policy": str("compact")})
	allow(t, admin, "topics", "acl", kadm.OpAll)
	for _, store := range []string{"configs", "offsets", "status"} {
		createTopic(t, broker.Bootstrap, "seen-"+store, 1, map[string]*string{"cleanup.policy": str("compact")})
	}
	if err := kafkaClient(t, broker.Bootstrap).ProduceSync(t.Context(), &kgo.Record{Topic: "seen-configs", Key: []byte("k")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	allow(t, admin, "nobody", "seen", kadm.OpDescribe, kadm.OpDescribeConfigs)
	consumeInGroup(t, broker.Bootstrap, "taken")
	safe := broker.Listener("SAFE")

	cases := []struct {
		name, bootstrap, group string
		props                  map[string]string
		code                   int
		want                   []string
	}{
		{"wrong credentials", safe, "f1", sasl("topics", "hunter2x"), 1, []string{"sasl.jaas.config", safe, "refuse"}},
		{"plaintext at a SASL listener", safe, "f2", map[string]string{"default.api.timeout.ms": "3000"}, 1, []string{"security.protocol", safe}},
		{"no rights on topics", safe, "f3", sasl("nobody", "hunter2"), 1, []string{"ACLs", "storage.topic"}},
		{
			"no right to read a topic", safe, "f3", merged(sasl("nobody", "hunter2"), map[string]string{
				"config.storage.topic": "seen-configs", "offset.storage.topic": "seen-offsets", "status.storage.topic": "seen-status",
			}), 1, []string{"seen-configs", "ACLs", "READ"},
		},
		{"no rights on the group", safe, "acl-group", sasl("topics", "hunter2"), 1, []string{"group.id=acl-group", "ACL", "READ"}},
		{
			"storage topic not compacted", broker.Bootstrap, "f5",
			map[string]string{"offset.storage.topic": "deleted-offsets"},
			1,
			[]string{"deleted-offsets", "offset.storage.topic", "cleanup.policy=compact", "cleanup.policy=delete"},
		},
		{
			"config topic with three partitions", broker.Bootstrap, "f6",
			map[string]string{"config.storage.topic": "wide-configs"},
			1,
			[]string{"wide-configs", "config.storage.topic", "single partition", "3"},
		},
		{
			"more replicas than brokers", broker.Bootstrap, "f7",
			map[string]string{"status.storage.replication.factor": "3"},
			1,
			[]string{"f7-status", "status.storage.replication.factor", "3"},
		},
		{"group of consumers", broker.Bootstrap, "taken", nil, 1, []string{"group.id=taken", "consumers"}},
		{
			"unreachable brokers", fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t)), "f9",
			map[string]string{"default.api.timeout.ms": "3000"},
			1,
			[]string{"bootstrap.servers", "127.0.0.1:"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, stderr := startFault(t, workerProps(c.bootstrap, c.group, testkit.FreePort(t), c.props))
			checkFault(t, code, c.code, stderr, c.want...)
		})
	}
	t.Run("stopped while it connects", stopWhileStarting)
}

// consumeInGroup keeps a consumer in the group until the test ends.
func consumeInGroup(t *testing.T, bootstrap, group string) {
	t.Helper()
	createTopic(t, bootstrap, "consumed", 1, nil)
	joined := make(chan struct{})
	kafkaClient(t, bootstrap, kgo.ConsumerGroup(group), kgo.ConsumeTopics("consumed"),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { close(joined) }))
	<-joined
}

// stopWhileStarting stops a worker whose broker answers nothing.
func stopWhileStarting(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := silent.Accept(); err == nil {
			accepted <- c
		}
	}()
	p := testkit.StartProcess(t, testkit.ProcessSpec{
		Name: "connectd", Path: connectd,
		Args: []string{"distributed", writeProps(t, workerProps(silent.Addr().String(), "f10", testkit.FreePort(t), nil))},
	})
	defer (<-accepted).Close()
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.Done():
	case <-time.After(45 * time.Second): // less than a minute, after which it would give up by itself
		t.Fatal("still runs 45 s after SIGTERM")
	}
	if code := p.ExitCode(); code != 0 {
		t.Errorf("exit code %d after SIGTERM\n%s", code, p.Log())
	}
	if log := p.Log(); strings.Contains(log, "connectd: ") {
		t.Errorf("an orderly stop is told as a failure:\n%s", log)
	}
}

// TestStartupFaultsOfTheProperties starts workers whose properties are wrong: no broker is needed to see it.
func TestStartupFaultsOfTheProperties(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	noKeystore := filepath.Join(t.TempDir(), "none.p12")
	keystore := newStores(t).keystore
	ssl := func(location, password string) map[string]string {
		return map[string]string{
			"security.protocol": "SSL", "ssl.keystore.location": location, "ssl.keystore.type": "PKCS12",
			"ssl.keystore.password": password,
		}
	}
	cases := []struct {
		name  string
		props map[string]string
		code  int
		want  []string
	}{
		{"port in use", map[string]string{"listeners": "http://127.0.0.1:" + port}, 1, []string{"listeners", port, "in use"}},
		{"not a number", map[string]string{"session.timeout.ms": "soon"}, 2, []string{"session.timeout.ms", "soon", "worker.properties"}},
		{"bootstrap without port", map[string]string{"bootstrap.servers": "localhost"}, 2, []string{"bootstrap.servers", "localhost"}},
		{"missing keystore", ssl(noKeystore, "hunter2"), 2, []string{"ssl.keystore.location", noKeystore}},
		{"wrong keystore password", ssl(keystore, "hunter2"), 2, []string{"ssl.keystore.password", keystore}},
		{"https without keystore", map[string]string{"listeners": "https://127.0.0.1:0"}, 2, []string{"listeners.https.ssl.keystore.location"}},
		{
			"https with a wrong password", map[string]string{
				"listeners":                             "https://127.0.0.1:0",
				"listeners.https.ssl.keystore.location": keystore,
				"listeners.https.ssl.keystore.type":     "PKCS12",
				"listeners.https.ssl.keystore.password": "hunter2",
			}, 2, []string{"listeners.https.ssl.keystore.password", keystore},
		},
		{"unknown converter", map[string]string{"key.converter": "com.acme.Converter"}, 2, []string{"key.converter", "com.acme.Converter"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, stderr := startFault(t, workerProps("127.0.0.1:1", "p", testkit.FreePort(t), c.props))
			checkFault(t, code, c.code, stderr, c.want...)
		})
	}
	t.Run("broken file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "worker.properties")
		if err := os.WriteFile(file, []byte("group.id=\\u00zz\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(connectd, "distributed", file).CombinedOutput()
		if exit := new(exec.ExitError); !errors.As(err, &exit) {
			t.Fatal(err)
		} else {
			checkFault(t, exit.ExitCode(), 2, string(out), file)
		}
	})
}
