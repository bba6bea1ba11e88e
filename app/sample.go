package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

const (
	sampleTopic      = "orders"
	samplePartitions = 6
	sampleConnector  = "demo"
)

// playDev shows the playground: the addresses, and unless it was declined a mirror of sample records with a live line.
func (c cli) playDev(ctx context.Context, f devFlags, env *devEnv) error {
	out := c.stdout
	fmt.Fprintf(out, "source cluster  %s\ntarget cluster  %s\n", env.source.Bootstrap(), env.target.Bootstrap())
	for i, n := range env.nodes {
		fmt.Fprintf(out, "worker %d        %s\n", i+1, n.URL())
	}
	base := "http://127.0.0.1:" + strconv.Itoa(f.port)
	if err := waitHealthy(ctx, base); err != nil {
		return err
	}
	if f.noSample {
		fmt.Fprintf(out, "\nready. Try:\n  curl %s/connector-plugins\n", base)
		<-ctx.Done()
		return nil
	}
	s := &sample{out: out, base: base, env: env, rate: f.rate}
	return s.run(ctx)
}

// waitHealthy waits until the worker is a member of its group.
func waitHealthy(ctx context.Context, base string) error {
	for {
		status, _, err := call(ctx, http.MethodGet, base+"/health", nil)
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// call makes one REST request.
func call(ctx context.Context, method, url string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	return resp.StatusCode, answer, err
}

// sample produces records to the source cluster, has them mirrored, and counts what arrives.
type sample struct {
	out  io.Writer
	base string
	env  *devEnv
	rate int

	source, target *kadm.Client
}

func (s *sample) run(ctx context.Context) error {
	source, err := kgo.NewClient(kgo.SeedBrokers(s.env.source.Addrs()...))
	if err != nil {
		return err
	}
	defer source.Close()
	// The copy does not exist yet: it is looked for each time.
	target, err := kgo.NewClient(kgo.SeedBrokers(s.env.target.Addrs()...), kgo.MetadataMinAge(500*time.Millisecond))
	if err != nil {
		return err
	}
	defer target.Close()
	s.source, s.target = kadm.NewClient(source), kadm.NewClient(target)
	if err := s.createTopic(ctx); err != nil {
		return err
	}
	if err := s.createMirror(ctx); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.generate(ctx) })
	g.Go(func() error { return s.show(ctx) })
	return g.Wait()
}

func (s *sample) createTopic(ctx context.Context) error {
	resp, err := s.source.CreateTopic(ctx, samplePartitions, 1, nil, sampleTopic)
	if err == nil {
		err = resp.Err
	}
	if err != nil && !strings.Contains(err.Error(), "TOPIC_ALREADY_EXISTS") {
		return fmt.Errorf("creating topic %s: %w", sampleTopic, err)
	}
	fmt.Fprintf(s.out, "\ntopic %s with %d partitions on the source cluster, %d records/s\n", sampleTopic, samplePartitions, s.rate)
	return nil
}

// createMirror posts the mirror and shows the command that does the same.
func (s *sample) createMirror(ctx context.Context) error {
	conf := map[string]string{
		"connector.class": "MirrorSource", "tasks.max": "4",
		"source.cluster.alias": "source", "target.cluster.alias": "target",
		"source.cluster.bootstrap.servers": s.env.source.Bootstrap(),
		"target.cluster.bootstrap.servers": s.env.target.Bootstrap(),
		"topics":                           sampleTopic, "replication.factor": "1", "offset-syncs.topic.replication.factor": "1",
		"refresh.topics.interval.seconds": "5",
	}
	body, err := json.MarshalIndent(map[string]any{"name": sampleConnector, "config": conf}, "  ", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\n$ curl -X POST -H 'Content-Type: application/json' %s/connectors -d '\n  %s'\n", s.base, body)
	status, answer, err := call(ctx, http.MethodPost, s.base+"/connectors", body)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "  -> %d\n", status)
	if status == http.StatusConflict { // kept from the last time
		if status, answer, err = s.updateMirror(ctx, conf); err != nil {
			return err
		}
	}
	if status != http.StatusCreated && status != http.StatusOK {
		return fmt.Errorf("the worker answered %d: %s", status, answer)
	}
	fmt.Fprintf(s.out, "\nlook at it:\n  curl %s/connectors/%s/status\n  curl -X PUT %s/connectors/%s/pause\n  curl -X DELETE %s/connectors/%s\n\n",
		s.base, sampleConnector, s.base, sampleConnector, s.base, sampleConnector)
	return nil
}

// updateMirror gives an existing mirror its config anew: the clusters may have other addresses now.
func (s *sample) updateMirror(ctx context.Context, conf map[string]string) (int, []byte, error) {
	body, err := json.MarshalIndent(conf, "  ", "  ")
	if err != nil {
		return 0, nil, err
	}
	url := s.base + "/connectors/" + sampleConnector + "/config"
	fmt.Fprintf(s.out, "\n$ curl -X PUT -H 'Content-Type: application/json' %s -d '\n  %s'\n", url, body)
	status, answer, err := call(ctx, http.MethodPut, url, body)
	fmt.Fprintf(s.out, "  -> %d\n", status)
	return status, answer, err
}

// generate produces sequence-numbered records at the rate.
func (s *sample) generate(ctx context.Context) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.env.source.Addrs()...), kgo.DefaultProduceTopic(sampleTopic),
		kgo.ProducerLinger(20*time.Millisecond))
	if err != nil {
		return err
	}
	defer cl.Close()
	const tick = 50 * time.Millisecond
	t := time.NewTicker(tick)
	defer t.Stop()
	owed, n := 0.0, int64(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		owed += float64(s.rate) * tick.Seconds()
		for ; owed >= 1; owed-- {
			n++
			rec := &kgo.Record{
				Key:   strconv.AppendInt(nil, n%997, 10),
				Value: fmt.Appendf(nil, `{"order":%d,"amount":%d}`, n, n*37%10_000),
			}
			cl.Produce(ctx, rec, nil)
		}
	}
}

// show prints the live line: on a terminal it renews itself.
func (s *sample) show(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	var lastIn, lastOut int64
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		in, out, lag := s.positions(ctx)
		fmt.Fprintf(s.out, "\rin %d (+%d/s)  out %d (+%d/s)  lag %d  tasks %s   ", in, in-lastIn, out, out-lastOut, lag, s.tasks(ctx))
		lastIn, lastOut = in, out
	}
}

// positions are the records of both topics and how many are still to be copied.
func (s *sample) positions(ctx context.Context) (in, out, lag int64) {
	in = total(ctx, s.source, sampleTopic)
	out = total(ctx, s.target, "source."+sampleTopic)
	return in, out, max(in-out, 0)
}

// total counts the records of a topic by its end offsets.
func total(ctx context.Context, admin *kadm.Client, topic string) (n int64) {
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0
	}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			n += o.Offset
		}
	})
	return n
}

// tasks is how many tasks run on each worker, e.g. "127.0.0.1:8083=2 127.0.0.1:8084=2".
func (s *sample) tasks(ctx context.Context) string {
	var status struct {
		Tasks []struct {
			State    string `json:"state"`
			WorkerID string `json:"worker_id"`
		} `json:"tasks"`
	}
	code, body, err := call(ctx, http.MethodGet, s.base+"/connectors/"+sampleConnector+"/status", nil)
	if err != nil || code != http.StatusOK || json.Unmarshal(body, &status) != nil {
		return "none yet"
	}
	running := map[string]int{}
	for _, t := range status.Tasks {
		if t.State == "RUNNING" {
			running[t.WorkerID]++
		}
	}
	var parts []string
	for id, n := range running {
		parts = append(parts, fmt.Sprintf("%s=%d", id, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}
