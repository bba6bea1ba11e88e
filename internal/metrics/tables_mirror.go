package metrics

import (
	"math"

	"github.com/connectd/connectd/internal/metrics/measure"
)

func age(p *Partition) *measure.Spread     { return p.AgeMs }
func latency(p *Partition) *measure.Spread { return p.LatencyMs }

// mirrors has one row for each partition that is copied between clusters, with the connector's name besides Java's labels, as several
// connectors may copy a topic.
var mirrors = table[Partition]{
	prefix: "kafka_connect_mirror_mirrorsourceconnector_",
	mbean:  "kafka.connect.mirror:type=MirrorSourceConnector,source=*,target=*,topic=*,partition=*",
	labels: []string{"connector", "source", "target", "topic", "partition"},
	rows: func(s *Snapshot) []Partition {
		var out []Partition
		seen := map[copied]bool{}
		for i := range s.Partitions {
			p := &s.Partitions[i]
			k := copied{p.Connector, p.Remote, p.Partition}
			if p.Target != "" && !seen[k] {
				seen[k] = true
				out = append(out, *p)
			}
		}
		return out
	},
	of: func(p *Partition) []string {
		return []string{p.Connector, p.Source, p.Target, p.Remote, number(p.Partition)}
	},
	families: []family[Partition]{
		value("record_count", "The number of records copied since the task was started.", counted(func(p *Partition) int64 { return p.Records })),
		value("record_rate", "Records copied per second, of late.", func(p *Partition) float64 { return p.RecordsPerSecond }),
		value("byte_count", "The number of bytes copied since the task was started: of keys, values and headers, or of whole batches as they lie in the source.",
			counted(func(p *Partition) int64 { return p.Bytes })),
		value("byte_rate", "Bytes copied per second, of late.", func(p *Partition) float64 { return p.BytesPerSecond }),
		value("record_age_ms", "The age in ms of the last record, or newest of the last batch, when it was read.", spread(age, newest)),
		value("record_age_ms_min", "The lowest such age of the last minute.", spread(age, lowest)),
		value("record_age_ms_max", "The highest such age of the last minute.", spread(age, highest)),
		value("record_age_ms_avg", "The mean of such ages of the last minute.", spread(age, mean)),
		value("replication_latency_ms", "The age in ms of the last record, or newest of the last batch, when it was written to the target.", spread(latency, newest)),
		value("replication_latency_ms_min", "The lowest such age of the last minute.", spread(latency, lowest)),
		value("replication_latency_ms_max", "The highest such age of the last minute.", spread(latency, highest)),
		value("replication_latency_ms_avg", "The mean of such ages of the last minute.", spread(latency, mean)),
	},
}

// copied is a partition of a connector.
type copied struct {
	connector, topic string
	partition        int32
}

func counted(of func(*Partition) int64) func(*Partition) float64 {
	return func(p *Partition) float64 {
		if !p.Counted {
			return math.NaN()
		}
		return float64(of(p))
	}
}

var checkpoints = table[Checkpoint]{
	prefix: "kafka_connect_mirror_mirrorcheckpointconnector_",
	mbean:  "kafka.connect.mirror:type=MirrorCheckpointConnector,source=*,target=*,group=*,topic=*,partition=*",
	labels: []string{"connector", "source", "target", "group", "topic", "partition"},
	rows:   func(s *Snapshot) []Checkpoint { return s.Checkpoints },
	of: func(c *Checkpoint) []string {
		return []string{c.Connector, c.Source, c.Target, c.Group, c.Topic, number(c.Partition)}
	},
	families: []family[Checkpoint]{
		value("checkpoint_latency_ms", "How long the group's last position took from its translation until it lay in the target, in ms.",
			func(c *Checkpoint) float64 { return c.Ms.Last }),
		value("checkpoint_latency_ms_min", "The lowest such time of the last minute.", func(c *Checkpoint) float64 { return c.Ms.Min }),
		value("checkpoint_latency_ms_max", "The highest such time of the last minute.", func(c *Checkpoint) float64 { return c.Ms.Max }),
		value("checkpoint_latency_ms_avg", "The mean of such times of the last minute.", func(c *Checkpoint) float64 { return c.Ms.Avg }),
	},
}

// lanes tells of each partition of a source task that tells how far it is, by its names in the source.
var lanes = table[Partition]{
	prefix: "connectd_mirror_", labels: []string{"connector", "task", "topic", "partition"},
	rows: func(s *Snapshot) []Partition { return s.Partitions },
	of: func(p *Partition) []string {
		return []string{p.Connector, number(p.Task), p.Topic, number(p.Partition)}
	},
	families: []family[Partition]{
		value("position", "The offset in the source of the next record to be copied.", func(p *Partition) float64 { return known(p.Position) }),
		value("end", "The offset after the last record that the source has.", func(p *Partition) float64 { return known(p.End) }),
		value("lag_ms", "The age in ms of the newest record that was copied, while there are others to copy; 0 when there are none.",
			func(p *Partition) float64 { return known(p.LagMs) }),
		text("state", "state", "1 for what the partition is doing: copying, waiting for somebody to see to it, or throttled.",
			func(p *Partition) string { return p.State }),
		value("throttled_ms_total", "For how many ms limits have held the partition back since the task was started.",
			whole(func(p *Partition) int64 { return p.ThrottledMs })),
		{
			name: "lane", labels: []string{"lane", "reason"},
			help: "1 for how records travel: batch, or record, one by one; and why not in the source's batches, if so.",
			each: func(p *Partition, emit emit) {
				if p.Lane != "" {
					emit(1, p.Lane, p.LaneReason)
				}
			},
		},
		{
			name: "batches_total", labels: []string{"way"},
			help: "The number of the source's batches that were copied since the task was started: whole, or decoded and encoded anew.",
			each: func(p *Partition, emit emit) {
				if p.Lane != "" {
					emit(float64(p.Whole), "whole")
					emit(float64(p.Decoded), "decoded")
				}
			},
		},
	},
}
