package mirror

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/metrics/measure"
)

func TestCheckpointLatenciesAreToldWhileTheyAreFresh(t *testing.T) {
	task := &checkpointTask{s: &checkpointSettings{link: link{source: "A", target: "B"}}}
	rec := &connect.SourceRecord{
		SourcePartition: connect.Entries{{Key: partitionKey, Value: int64(3)}, {Key: topicKey, Value: "A.t"}, {Key: groupKey, Value: "g"}},
		Timestamp:       time.Now().Add(time.Hour), // another clock: it took no time rather than less
	}
	for _, md := range []*connect.RecordMetadata{nil, {}} { // one that was dropped, one that was written
		if err := task.CommitRecord(rec, md); err != nil {
			t.Fatal(err)
		}
	}
	want := []measure.CheckpointLatency{{Source: "A", Target: "B", Group: "g", Topic: "A.t", Partition: 3}}
	if diff := cmp.Diff(want, task.CheckpointLatencies(time.Now())); diff != "" {
		t.Errorf("latencies (-want +got):\n%s", diff)
	}
	if got := task.CheckpointLatencies(time.Now().Add(time.Hour)); got != nil || len(task.delays.of) != 0 {
		t.Errorf("after an hour: %v, %d kept", got, len(task.delays.of))
	}
}
