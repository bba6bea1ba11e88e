package raw

import (
	"testing"

	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
)

func TestBatchesOfManyPartitionsAreWrittenInOrder(t *testing.T) {
	testkit.NoLeaks(t)
	const partitions, each = 20, 30
	e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 3, Topics: map[string]int32{"a": partitions, "b": partitions}})
	p, o := producer(t, e.Bootstrap(), nil)
	for i := range each {
		for part := range int32(partitions) {
			send(t, p, o.batch("a", part, numbered(2*i, 2)...), o.batch("b", part, numbered(i, 1)...))
		}
	}
	flush(t, p)
	o.whole(t, 2*partitions*each)
	for part := range int32(partitions) {
		ascending(t, read(t, e.Bootstrap(), "a", part, 2*each), 2*each)
		ascending(t, read(t, e.Bootstrap(), "b", part, each), each)
	}
	for _, d := range o.deliveries() {
		if d.Offset < 0 {
			t.Fatalf("batch %d has no offset", d.Seq)
		}
	}
}
