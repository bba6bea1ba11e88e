package mirror

import (
	"fmt"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

func TestTallyOfManyPartitions(t *testing.T) {
	var c tally
	now := time.Unix(0, 0)
	tp := func(i int) connect.TopicPartition {
		return connect.TopicPartition{Topic: "t", Partition: int32(i)}
	}
	alone := 0
	all := func() {
		for i := range 2500 {
			if c.alone(tp(i), now) {
				alone++
			}
		}
	}
	// All of them wait, and are tried again each minute, for an hour.
	var told []string
	for second := range 3600 {
		now = time.Unix(int64(second), 0)
		if n, _ := c.over(now); n > 0 {
			told = append(told, fmt.Sprintf("%ds: %d", second, n))
		}
		if second%60 == 0 {
			all()
		}
	}
	if alone != tellEach {
		t.Errorf("%d partitions by themselves, want %d", alone, tellEach)
	}
	if len(told) < 5 || len(told) > 20 || told[0] != "10s: 2490" {
		t.Errorf("summaries %v", told)
	}
	// Once it was quiet, single ones are told again.
	now = now.Add(tellMost)
	c.over(now)
	now = now.Add(tellMost)
	if n, _ := c.over(now); n != 0 {
		t.Errorf("%d after a quiet time", n)
	}
	if !c.alone(tp(1), now) {
		t.Error("the first one after a quiet time is only counted")
	}
	if n, _ := c.over(now.Add(tellFirst)); n != 0 {
		t.Errorf("%d though it was told", n)
	}
}
