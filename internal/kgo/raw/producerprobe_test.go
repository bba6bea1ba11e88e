package raw

import (
	"context"
	"fmt"
	"testing"
	"time"

	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
)

// TestABusyBrokerIsNotADistantOne has requests wait for their answers, while others get theirs at once.
func TestABusyBrokerIsNotADistantOne(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"t": 8}})
	p, o := producer(t, e.Bootstrap(), quick())
	for part := range int32(8) {
		send(t, p, o.batch("t", part, "first"))
	}
	flush(t, p)
	if b := p.Backlog("t", 0); b.RoundTrip != 0 {
		t.Errorf("nothing waited: %+v", b)
	}
	g := shut(e)
	defer g.release()
	for i := range 5 {
		send(t, p, o.batch("t", int32(i%8), "x"))
		// One by one, so that requests are small and there are as many as may be.
		testkit.Eventually(t, time.Minute, func(context.Context) error {
			if s := p.Stats(); s.Requests < min(i+1, 5) {
				return fmt.Errorf("%+v", s)
			}
			return nil
		})
	}
	testkit.Eventually(t, time.Minute, func(context.Context) error {
		if b := p.Backlog("t", 0); b.RoundTrip == 0 {
			return fmt.Errorf("%+v", b)
		}
		return nil
	})
	g.release()
	flush(t, p)
}

func TestShortest(t *testing.T) {
	var s shortest
	at := time.UnixMilli(0)
	for _, step := range []struct{ after, took, want time.Duration }{
		{0, 9, 9}, {time.Second, 12, 9}, {time.Second, 7, 7}, {tripsPeriod, 20, 7}, {time.Second, 15, 7}, {tripsPeriod, 30, 15}, {tripsPeriod, 40, 30},
	} {
		at = at.Add(step.after)
		s.took(at, step.took)
		if got := s.get(); got != step.want {
			t.Errorf("%v: the shortest is %d, want %d", step, got, step.want)
		}
	}
}
