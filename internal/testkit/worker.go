package testkit

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// JavaWorker is a running Connect worker of Apache Kafka, in distributed mode.
type JavaWorker struct {
	*Process
	// URL is the address of its REST API, without a trailing slash.
	URL string
}

// StartJavaWorker starts a Connect worker in the group and waits until its REST API answers. Its internal topics are
// GROUP-configs, GROUP-offsets and GROUP-status with a replication factor of 1, its converters JsonConverter; Property changes
// any of it. One with the option HTTPS may need a moment more, as only its caller can speak to it.
func StartJavaWorker(t testing.TB, bootstrap, group string, options ...Option) *JavaWorker {
	t.Helper()
	install := install
	if newSettings(options).old {
		install = installOld
	}
	plan, err := planWorker(installed(t, install), t.TempDir(), bootstrap, group, options)
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	worker := &JavaWorker{Process: StartProcess(t, plan.spec), URL: plan.url}
	if strings.HasPrefix(worker.URL, "https:") {
		return worker
	}
	Eventually(t, readyTimeout, func(ctx context.Context) error { return answers(ctx, worker.URL+"/connectors") })
	return worker
}

// RunTool runs one of Kafka's command-line classes, such as org.apache.kafka.tools.TopicCommand, and returns what it wrote to
// standard output; the test fails if its exit code is not 0.
func RunTool(t testing.TB, class string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readyTimeout)
	defer cancel()
	var stdout, stderr strings.Builder
	command := kafka(t).command(ctx, class, args...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("testkit: %s %s: %v\n%s%s", class, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

type workerPlan struct {
	spec ProcessSpec
	url  string
}

func planWorker(in *installation, dir, bootstrap, group string, options []Option) (*workerPlan, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := newSettings(options)
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	if s.https {
		url = fmt.Sprintf("https://127.0.0.1:%d", port)
	}
	for key, value := range map[string]string{
		"bootstrap.servers":                 bootstrap,
		"group.id":                          group,
		"key.converter":                     "org.apache.kafka.connect.json.JsonConverter",
		"value.converter":                   "org.apache.kafka.connect.json.JsonConverter",
		"config.storage.topic":              group + "-configs",
		"config.storage.replication.factor": "1",
		"offset.storage.topic":              group + "-offsets",
		"offset.storage.replication.factor": "1",
		"status.storage.topic":              group + "-status",
		"status.storage.replication.factor": "1",
		"listeners":                         url,
		"rest.advertised.host.name":         "127.0.0.1",
		"rest.advertised.port":              fmt.Sprint(port),
		"plugin.discovery":                  "service_load",
	} {
		s.set(key, value)
	}
	file := filepath.Join(dir, "worker.properties")
	if err := os.WriteFile(file, s.text(), 0o600); err != nil {
		return nil, err
	}
	return &workerPlan{url: url, spec: ProcessSpec{
		Name:  "Java worker at " + url,
		Path:  in.java,
		Args:  append(s.flags(in, "connect", in.recordWorker), "org.apache.kafka.connect.cli.ConnectDistributed", file),
		Env:   []string{"CLASSPATH=" + in.classpath},
		Ready: func(line string) bool { return strings.Contains(line, "Kafka Connect started") },
	}}, nil
}

// answers tells whether a GET of the URL is answered with 200.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		return fmt.Errorf("GET %s: %s: %s", url, response.Status, body)
	}
	return nil
}
