package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// inspection is what these tests read of the document that connectd topics -json prints.
type inspection struct {
	Configs struct {
		Topic      inspectedTopic
		SessionKey struct{ Algorithm string }
		Connectors []struct {
			Name, TargetState string
			Config            map[string]string
			Tasks             []struct{ Config map[string]string }
			IgnoredTasks      []struct {
				Task   int
				Reason string
			}
			Problems []string
		}
	}
	Offsets struct {
		Topic      inspectedTopic
		Connectors []struct {
			Name       string
			Partitions []struct {
				Partition struct{ Filename string }
				Offset    struct{ Position int }
			}
		}
	}
	Statuses struct {
		Topic      inspectedTopic
		Connectors []struct {
			Name      string
			Connector struct{ State, WorkerID string }
			Tasks     []struct {
				Task            int
				State, WorkerID string
			}
		}
	}
}

type inspectedTopic struct {
	Name       string
	Partitions int
	Skipped    []struct{ Key string }
	Problems   []string
}

// inspectTopics runs connectd topics, which must succeed.
func inspectTopics(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, connectd, append([]string{"topics"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("connectd topics %v: %w: %s", args, err, stderr.String())
	}
	if stderr.Len() > 0 {
		return "", fmt.Errorf("connectd topics %v complains: %s", args, stderr.String())
	}
	return stdout.String(), nil
}

// TestTopicsOfJavaAndOfConnectd inspects the topics of two clusters while their workers run, one of a Java worker, the other
// of connectd's, and finds in each what REST says. Nothing on the broker is changed by it.
func TestTopicsOfJavaAndOfConnectd(t *testing.T) {
	t.Parallel()
	broker := testkit.StartBroker(t)
	ours := startNode(t, broker.Bootstrap, "ours", nil)
	java := testkit.StartJavaWorker(t, broker.Bootstrap, "java", testkit.Property("offset.flush.interval.ms", "1000"))
	lines := filepath.Join(t.TempDir(), "lines.txt")
	if err := os.WriteFile(lines, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for group, url := range map[string]string{"ours": ours.url, "java": java.URL} {
		create(t, url, "f", map[string]string{
			"connector.class": "FileStreamSource", "tasks.max": "1", "file": lines, "topic": group + "-lines", "db.password": "hush",
		})
		// Less than a worker's file: what is needed to read its topics.
		files[group] = writeProps(t, map[string]string{
			"bootstrap.servers": broker.Bootstrap, "group.id": group, "config.storage.topic": group + "-configs",
			"offset.storage.topic": group + "-offsets", "status.storage.topic": group + "-status",
		})
	}
	for group, url := range map[string]string{"ours": ours.url, "java": java.URL} {
		t.Run(group, func(t *testing.T) { inspectFileSource(t, files[group], group, url, lines) })
	}
	t.Run("read-only", func(t *testing.T) { changesNothing(t, broker.Bootstrap, slices.Collect(maps.Values(files))) })
	t.Run("follow", func(t *testing.T) { followsAPause(t, files["java"], java.URL) })
	t.Run("half-written", func(t *testing.T) { showsHalfWritten(t, broker.Bootstrap, files["java"]) })
}

// inspectFileSource waits until all that is there of the connector is found.
func inspectFileSource(t *testing.T, file, group, url, lines string) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		out, err := inspectTopics(ctx, file, "-json")
		if err != nil {
			return err
		}
		if strings.Contains(out, "hush") {
			t.Fatalf("a password is shown:\n%s", out)
		}
		var got inspection
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		return got.agreesWith(ctx, group, url, lines)
	})
}

// agreesWith holds the report against what the worker answers.
func (i *inspection) agreesWith(ctx context.Context, group, url, lines string) error {
	if len(i.Configs.Connectors) != 1 || len(i.Offsets.Connectors) != 1 || len(i.Statuses.Connectors) != 1 {
		return fmt.Errorf("not one connector in each topic: %+v", i)
	}
	conf, off, st := i.Configs.Connectors[0], i.Offsets.Connectors[0], i.Statuses.Connectors[0]
	var config map[string]string
	var tasks []struct{ Config map[string]string }
	var now status
	for path, into := range map[string]any{"/config": &config, "/tasks": &tasks, "/status": &now} {
		if _, err := call(ctx, http.MethodGet, url+"/connectors/f"+path, nil, into); err != nil {
			return err
		}
	}
	config["db.password"] = "[hidden]"
	for _, task := range tasks {
		if _, has := task.Config["db.password"]; has {
			task.Config["db.password"] = "[hidden]"
		}
	}
	if diff := cmp.Diff(config, conf.Config); diff != "" {
		return fmt.Errorf("configs differ: %s", diff)
	}
	if len(conf.Tasks) != 1 || len(tasks) != 1 {
		return fmt.Errorf("not one task: %+v, REST %+v", conf, tasks)
	}
	if diff := cmp.Diff(tasks[0].Config, conf.Tasks[0].Config); diff != "" {
		return fmt.Errorf("task configs differ: %s", diff)
	}
	if p := off.Partitions; len(p) != 1 || p[0].Partition.Filename != lines || p[0].Offset.Position != len("one\ntwo\n") {
		return fmt.Errorf("offsets: %+v", off)
	}
	if len(now.Tasks) != 1 || len(st.Tasks) != 1 || st.Tasks[0].State != "RUNNING" || st.Tasks[0].WorkerID != now.Tasks[0].WorkerID ||
		st.Connector.State != now.Connector.State || st.Connector.WorkerID != now.Connector.WorkerID {
		return fmt.Errorf("statuses: %+v, REST %+v", st, now)
	}
	for name, topic := range map[string]inspectedTopic{"configs": i.Configs.Topic, "offsets": i.Offsets.Topic, "status": i.Statuses.Topic} {
		if topic.Name != group+"-"+name || len(topic.Skipped)+len(topic.Problems) > 0 {
			return fmt.Errorf("topic %+v", topic)
		}
	}
	if conf.TargetState != "STARTED" || len(conf.Problems) > 0 || i.Configs.SessionKey.Algorithm != "HmacSHA256" {
		return fmt.Errorf("configs: %+v", i.Configs)
	}
	return nil
}

// changesNothing compares all topics, their end offsets, and the groups, before and after. The workers themselves are idle,
// but may have had something left to write: then it looks again.
func changesNothing(t *testing.T, bootstrap string, files []string) {
	t.Helper()
	admin := kadm.NewClient(kafkaClient(t, bootstrap))
	look := func(ctx context.Context) (map[string]any, error) {
		topics, err := admin.ListTopicsWithInternal(ctx)
		if err != nil {
			return nil, err
		}
		ends, err := admin.ListEndOffsets(ctx, topics.Names()...)
		if err != nil {
			return nil, err
		}
		groups, err := admin.ListGroups(ctx)
		if err != nil {
			return nil, err
		}
		seen := map[string]any{"groups": groups.Groups()}
		ends.Each(func(o kadm.ListedOffset) { seen[fmt.Sprintf("%s-%d", o.Topic, o.Partition)] = o.Offset })
		return seen, nil
	}
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		before, err := look(ctx)
		if err != nil {
			return err
		}
		for _, file := range files {
			if _, err := inspectTopics(ctx, file); err != nil {
				return err
			}
		}
		if out, err := inspectTopics(ctx, files[0], "-config-topic", "not-there"); err == nil || !strings.Contains(err.Error(), "not-there") {
			return fmt.Errorf("a topic that is not there: %v\n%s", err, out)
		}
		after, err := look(ctx)
		if err != nil {
			return err
		}
		if diff := cmp.Diff(before, after); diff != "" {
			return fmt.Errorf("something has changed: %s", diff)
		}
		return nil
	})
}

// followsAPause sees records as they are written.
func followsAPause(t *testing.T, file, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, connectd, "topics", file, "-follow", "-from-beginning")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(stdout)
	await := func(words ...string) {
		t.Helper()
		for in.Scan() {
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(in.Text(), w) }) {
				return
			}
		}
		t.Fatalf("no line with %v: %v", words, in.Err())
	}
	await("configs 0/", "commit", "f", "1 task")
	do(t, http.MethodPut, url+"/connectors/f/pause", nil, nil)
	await("target-state", "f", "PAUSED")
	cancel()
	for in.Scan() {
		_ = in.Text() // what came meanwhile
	}
	if err := cmd.Wait(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("interrupted, it ends with %v", err)
	}
}

// showsHalfWritten writes task configs without a commit, as a leader does that is killed in between.
func showsHalfWritten(t *testing.T, bootstrap, file string) {
	t.Helper()
	record := &kgo.Record{Topic: "java-configs", Key: []byte("task-f-7"), Value: []byte(`{"properties":{"task.class":"x"}}`)}
	if err := kafkaClient(t, bootstrap).ProduceSync(t.Context(), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := inspectTopics(ctx, file, "configs", "-json")
	if err != nil {
		t.Fatal(err)
	}
	var got inspection
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	f := got.Configs.Connectors[0]
	if len(f.IgnoredTasks) != 1 || f.IgnoredTasks[0].Task != 7 || f.IgnoredTasks[0].Reason != "uncommitted" || len(f.Problems) != 1 || len(f.Tasks) != 1 {
		t.Errorf("%+v", f)
	}
}
