package mirror

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
)

// TestAlteredOffsetsAreSpeltAsTasksWriteThem: a task finds its position by the bytes of its partition, and what operators write comes
// in any order of fields.
func TestAlteredOffsetsAreSpeltAsTasksWriteThem(t *testing.T) {
	s := &link{source: "S"}
	tp := connect.TopicPartition{Topic: "in", Partition: 3}
	written := s.partition(tp)
	given := []connect.PartitionOffset{
		{
			Partition: connect.Entries{{Key: "topic", Value: "in"}, {Key: "partition", Value: int64(3)}, {Key: "cluster", Value: "S"}},
			Offset:    connect.Entries{{Key: offsetKey, Value: int64(0)}},
		},
		{Partition: connect.Entries{{Key: "x", Value: nil}, {Key: "topic", Value: "in"}}}, // garbage may be removed
		{},
	}
	done, err := (&connector{}).AlterSourceOffsets(t.Context(), nil, given)
	if err != nil || !done {
		t.Fatal(done, err)
	}
	want := []connect.Entries{written, {{Key: "topic", Value: "in"}, {Key: "x", Value: nil}}, nil}
	for i, w := range want {
		if diff := cmp.Diff(w, given[i].Partition); diff != "" {
			t.Error(diff)
		}
	}
	given[1].Offset = connect.Entries{{Key: offsetKey, Value: int64(0)}}
	if _, err := (&connector{}).AlterSourceOffsets(t.Context(), nil, given); err == nil ||
		err.Error() != "Source partition {x=null, topic=in} is missing the 'cluster' key, which is required" {
		t.Error(err)
	}
}
