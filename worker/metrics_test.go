package worker_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/fault"
)

// telling is the faulty source with tasks that tell how far they are, and hang when they are asked until hang is closed.
type telling struct {
	faults *fault.Set
	hang   chan struct{}
}

const tellingClass = "test.TellingConnector"

func (p *telling) register(r connect.Registrar) {
	plugin := p.faults.Source()
	plugin.Class, plugin.TaskClass = tellingClass, "test.TellingTask"
	made := plugin.NewSourceTask
	plugin.NewSourceTask = func() connect.SourceTask { return &tellingTask{SourceTask: made(), of: p} }
	r.Connector(plugin)
}

type tellingTask struct {
	connect.SourceTask
	of *telling
}

func (t *tellingTask) Progress() []connect.PartitionProgress {
	<-t.of.hang
	return []connect.PartitionProgress{{
		Topic: "t", Target: "A.t", Partition: 3, Position: 5, End: 9, LagMs: -1, State: connect.ProgressCopying, SourceCluster: "A",
		TargetCluster: "B", Records: 7, LatencyMs: &connect.Spread{Last: 1, Min: 1, Max: 3, Avg: 2}, Lane: connect.LaneRecord, Decoded: 4,
	}}
}

// scrape reads GET /metrics.
func (w *testWorker) scrape() (map[string]*dto.MetricFamily, error) {
	status, body, err := w.call("GET", "/metrics", nil)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("GET /metrics answered %d %s, %w", status, body, err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(strings.NewReader(body))
}

// measured finds the value of a metric by labels, given as name=value; false for none.
func measured(families map[string]*dto.MetricFamily, name string, labels ...string) (float64, bool) {
	for _, m := range families[name].GetMetric() {
		has := map[string]bool{}
		for _, l := range m.Label {
			has[l.GetName()+"="+l.GetValue()] = true
		}
		fits := true
		for _, l := range labels {
			fits = fits && has[l]
		}
		if fits {
			return m.GetGauge().GetValue() + m.GetCounter().GetValue(), true
		}
	}
	return 0, false
}

// awaitMetrics scrapes until each metric has at least its value, or where it is exact just that.
func (w *testWorker) awaitMetrics(want map[string]float64, exact bool) map[string]*dto.MetricFamily {
	w.t.Helper()
	var families map[string]*dto.MetricFamily
	w.eventually(func() (err error) {
		if families, err = w.scrape(); err != nil {
			return err
		}
		for what, least := range want {
			parts := strings.Fields(what)
			if got, has := measured(families, parts[0], parts[1:]...); !has || got < least || exact && got != least {
				return fmt.Errorf("%s is %v (there: %v), want %v", what, got, has, least)
			}
		}
		return nil
	})
	return families
}

func TestMetricsOfSourceAndSink(t *testing.T) {
	c := newWorkers(t, 1, nil, nil)
	w := c.all[0]
	w.create("from", source(2))
	w.create("to", map[string]string{"connector.class": "FileStreamSink", "topics": "out", "file": filepath.Join(t.TempDir(), "out")})
	w.awaitStates("from", "RUNNING RUNNING RUNNING")
	w.awaitStates("to", "RUNNING RUNNING")
	exact := map[string]float64{
		"kafka_connect_worker_connector_count":                                                2,
		"kafka_connect_worker_task_count":                                                     3,
		"kafka_connect_worker_connector_startup_success_total":                                2,
		"kafka_connect_worker_task_startup_attempts_total":                                    3,
		"kafka_connect_worker_task_startup_failure_total":                                     0,
		"kafka_connect_worker_task_startup_success_percentage":                                1,
		"kafka_connect_worker_connector_running_task_count connector=from":                    2,
		"kafka_connect_worker_connector_total_task_count connector=to":                        1,
		"kafka_connect_worker_rebalance_rebalancing":                                          0,
		"kafka_connect_connector_status connector=from status=running":                        1,
		"kafka_connect_connector_connector_type connector=to connector_type=sink":             1,
		"kafka_connect_connector_connector_class connector_class=" + fault.SourceClass:        1,
		"kafka_connect_connector_task_status connector=from task=1 status=running":            1,
		"kafka_connect_connector_task_offset_commit_failure_percentage connector=from task=0": 0,
		"kafka_connect_sink_task_partition_count connector=to task=0":                         1,
		"kafka_connect_task_error_total_record_failures connector=to task=0":                  0,
		"connectd_worker_leader":                                                              1,
		"connectd_build_info version=test commit=none kafka_version=4.3.1":                    1,
	}
	least := map[string]float64{
		"kafka_connect_worker_rebalance_completed_rebalances_total":                         1,
		"kafka_connect_worker_rebalance_epoch":                                              1,
		"kafka_connect_worker_rebalance_time_since_last_rebalance_ms":                       0,
		"kafka_connect_connector_task_running_ratio connector=from task=0":                  .01,
		"kafka_connect_connector_task_batch_size_avg connector=from task=0":                 1,
		"kafka_connect_connector_task_offset_commit_avg_time_ms connector=from task=0":      0,
		"kafka_connect_source_task_source_record_poll_total connector=from task=1":          3,
		"kafka_connect_source_task_source_record_write_total connector=from task=1":         3,
		"kafka_connect_source_task_source_record_write_rate connector=from task=1":          .001,
		"kafka_connect_source_task_source_record_active_count_max connector=from task=0":    1,
		"kafka_connect_source_task_poll_batch_max_time_ms connector=from task=0":            0,
		"kafka_connect_sink_task_sink_record_read_total connector=to task=0":                3,
		"kafka_connect_sink_task_sink_record_send_total connector=to task=0":                3,
		"kafka_connect_sink_task_offset_commit_completion_total connector=to task=0":        1,
		"kafka_connect_sink_task_put_batch_avg_time_ms connector=to task=0":                 0,
		"kafka_connect_connector_task_offset_commit_success_percentage connector=to task=0": 1,
		"go_goroutines": 1,
	}
	w.awaitMetrics(exact, true)
	families := w.awaitMetrics(least, false)
	for name := range families {
		if strings.HasPrefix(name, "connectd_mirror_") || strings.HasPrefix(name, "kafka_connect_mirror_") {
			t.Errorf("%s is told, although there is no mirror", name)
		}
	}
	w.must(http.StatusAccepted, "PUT", "/connectors/from/pause", nil)
	w.awaitMetrics(map[string]float64{
		"kafka_connect_worker_connector_paused_task_count connector=from":         2,
		"kafka_connect_connector_status connector=from status=paused":             1,
		"kafka_connect_connector_task_status connector=from task=1 status=paused": 1,
	}, true)
	w.awaitMetrics(map[string]float64{"kafka_connect_connector_task_pause_ratio connector=from task=0": 1e-9}, false)
}

func TestMetricsOfWhatFails(t *testing.T) {
	c := newWorkers(t, 1, nil, nil)
	w := c.all[0]
	w.create("poll", source(1, fault.PropPoint, fault.PointPoll, fault.PropTasks, "0"))
	w.create("start", source(1, fault.PropPoint, fault.PointTaskStart, fault.PropTasks, "0"))
	w.awaitMetrics(map[string]float64{
		"kafka_connect_worker_connector_failed_task_count connector=poll":         1,
		"kafka_connect_connector_task_status connector=poll task=0 status=failed": 1,
		// One has begun before it failed, the other has not.
		"kafka_connect_worker_task_startup_success_total":      1,
		"kafka_connect_worker_task_startup_failure_total":      1,
		"kafka_connect_worker_task_startup_failure_percentage": .5,
	}, true)
}

// A task that hangs is left out; all others, and what the worker itself measures of the task, are told all the same.
func TestTaskThatHangsDoesNotHoldUpMetrics(t *testing.T) {
	p := &telling{faults: fault.New(), hang: make(chan struct{})}
	c := newWorkers(t, 1, p.register, nil)
	w := c.all[0]
	w.create("a", source(1, "connector.class", tellingClass))
	w.awaitStates("a", "RUNNING RUNNING")
	families := w.awaitMetrics(map[string]float64{"kafka_connect_source_task_source_record_poll_total connector=a task=0": 1}, false)
	if _, has := measured(families, "connectd_mirror_position"); has {
		t.Error("a task that hangs has told")
	}
	close(p.hang)
	w.awaitMetrics(map[string]float64{
		"connectd_mirror_position connector=a task=0 topic=t partition=3":                                               5,
		"connectd_mirror_batches_total connector=a task=0 topic=t partition=3 way=decoded":                              4,
		"connectd_mirror_lane lane=record":                                                                              1,
		"kafka_connect_mirror_mirrorsourceconnector_record_count connector=a source=A target=B topic=A.t partition=3":   7,
		"kafka_connect_mirror_mirrorsourceconnector_replication_latency_ms_max connector=a source=A target=B topic=A.t": 3,
	}, true)
}
