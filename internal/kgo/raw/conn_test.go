package raw

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
)

func TestRequestsAreAnsweredInOrder(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"a": 1}})
	c := cluster(t, settings(t, clientconf.Consumer, e.Bootstrap(), nil))
	conn, err := c.Any(within(t, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	const n = 50
	got := make(chan int, n+1)
	for i := range n {
		req := kmsg.NewPtrMetadataRequest()
		req.Topics = []kmsg.MetadataRequestTopic{}
		if err := conn.Negotiate(req, 4, 12); err != nil {
			t.Fatal(err)
		}
		send := conn.Send
		if i%3 > 0 {
			send = conn.SendNow
		}
		err := send(req, func(resp kmsg.Response, hold *client.Hold, err error) {
			if err != nil || len(resp.(*kmsg.MetadataResponse).Brokers) != 1 {
				t.Errorf("answer %d: %v", i, err)
			}
			hold.Release()
			got <- i
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if at := <-got; at != i {
			t.Fatalf("answer %d where %d was due", at, i)
		}
	}
	if out := c.Dialer().Buffers().Outstanding(); out != 0 {
		t.Errorf("%d bytes are still in use", out)
	}
	conn.Close()
	<-conn.Done()
	var closed *ConnError
	for _, send := range []func(kmsg.Request, Reply) error{conn.Send, conn.SendNow} {
		if err := send(kmsg.NewPtrMetadataRequest(), nil); !errors.As(err, &closed) || closed.Written || !errors.Is(err, ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	}
}
