package kafka

import (
	"errors"
	"net"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

// A runner that was killed may still be at work when its producer is closed: its calls end, and touch nothing that is freed.
func TestProducerIsClosedBesideItsUser(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"out": 3})
	var got deliveries
	p, err := NewProducer(servers, nil, got.add)
	if err != nil {
		t.Fatal(err)
	}
	begun, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		value := make([]byte, 1000)
		for seq := uint64(1); ; {
			recs := make([]client.ProducerRecord, 100)
			for i := range recs {
				recs[i] = client.ProducerRecord{Seq: seq, Topic: "out", Partition: connect.NoPartition, Value: value, TimestampMs: -1}
				seq++
			}
			if err := p.Send(t.Context(), recs); err != nil {
				ended <- err
				return
			}
			if seq == 1001 {
				close(begun)
			}
		}
	}()
	<-begun
	p.Close()
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("a Send beside Close: %v", err)
	}
	p.Abandon()
	if err := p.Send(t.Context(), []client.ProducerRecord{{Seq: 1 << 40, Topic: "out"}}); !errors.Is(err, ErrClosed) {
		t.Errorf("a Send after Close: %v", err)
	}
	if err := p.Flush(t.Context()); p.outstanding() && !errors.Is(err, ErrClosed) {
		t.Errorf("a Flush after Close: %v", err)
	}
	p.Close()
}

// An administrative client that is closed beside a call ends the call.
func TestAdminIsClosedBesideItsUser(t *testing.T) {
	testkit.NoLeaks(t)
	nowhere, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer nowhere.Close()
	a, err := NewAdmin(map[string]string{"bootstrap.servers": nowhere.Addr().String()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() {
		_, err := a.TopicConfigs(t.Context(), "some")
		ended <- err
	}()
	go func() {
		_, err := a.Topics(t.Context())
		ended <- err
	}()
	conn, err := nowhere.Accept() // somebody asks
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	a.Close()
	for range 2 {
		if err := <-ended; err == nil {
			t.Error("an answer from a broker that gives none")
		}
	}
	if _, err := a.Topics(t.Context()); err == nil {
		t.Error("an answer after Close")
	}
}
