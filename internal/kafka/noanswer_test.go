package kafka

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/testkit"
)

// A broker that goes away while it is asked for offsets gives no offsets. librdkafka tells of that as of a success.
func TestOffsetsThatNobodyAnswered(t *testing.T) {
	testkit.NoLeaks(t)
	f := newFetching(t, "configs")
	var away atomic.Bool
	f.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if away.Load() {
			return nil, errors.New("the broker goes away"), true // closes the connection
		}
		return nil, nil, false
	})
	r, err := NewReader(f.servers(), ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	specs := map[connect.TopicPartition]int64{{Topic: "configs"}: Latest}
	away.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	at, err := r.ListOffsets(ctx, specs, false)
	cancel()
	if err == nil {
		t.Errorf("no error, and offsets %v", at)
	}
	away.Store(false)
	testkit.Eventually(t, patience, func(ctx context.Context) error {
		_, err := r.ListOffsets(ctx, specs, false)
		return err
	})
}
