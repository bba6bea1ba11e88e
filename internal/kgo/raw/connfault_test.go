package raw

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/testkit"
)

// standIn accepts one connection and leaves it to serve.
func standIn(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

// heard reads a request and gives its correlation id.
func heard(c net.Conn) (corr uint32, ok bool) {
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return 0, false
	}
	req := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(c, req); err != nil {
		return 0, false
	}
	return binary.BigEndian.Uint32(req[4:]), true
}

func say(c net.Conn, corr uint32, body []byte) {
	out := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
	out = append(binary.BigEndian.AppendUint32(out, corr), body...)
	_, _ = c.Write(out)
}

// greet answers the question for versions: metadata up to version 4.
func greet(c net.Conn) bool {
	corr, ok := heard(c)
	if !ok {
		return false
	}
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.Version = 3
	resp.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: int16(kmsg.Metadata), MaxVersion: 4}}
	say(c, corr, resp.AppendTo(nil))
	return true
}

func dialer(t *testing.T, addr string, props map[string]string) *Dialer {
	t.Helper()
	d, err := NewDialer(settings(t, clientconf.Consumer, addr, props), NewBuffers(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDialTellsWhatAnswers(t *testing.T) {
	testkit.NoLeaks(t)
	for name, c := range map[string]struct {
		answer string
		want   string
	}{
		"TLS":       {"\x15\x03\x03\x00\x02\x02\x46\x00", "check security.protocol"},
		"HTTP":      {"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP server"},
		"nothing":   {"", "check security.protocol"},
		"huge":      {"\x7f\xff\xff\xff\x00\x00\x00\x01", "announces 2147483647 bytes"},
		"negative":  {"\xff\xff\xff\xff\x00\x00\x00\x01", "announces -1 bytes"},
		"another's": {"\x00\x00\x00\x04\x00\x00\x00\x63", "a request that was not made"},
		"cut off":   {"\x00\x00\x00\x06\x00\x00\x00\x01\x00", "closed the connection"},
		"empty":     {"\x00\x00\x00\x04\x00\x00\x00\x01", "can't be read"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := standIn(t, func(nc net.Conn) {
				heard(nc)
				_, _ = nc.Write([]byte(c.answer))
			})
			_, err := dialer(t, addr, nil).Dial(within(t, time.Minute), addr)
			var ce *ConnError
			if !errors.As(err, &ce) || ce.Addr != addr || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	testkit.NoLeaks(t)
	ctx, cancel := context.WithCancel(context.Background())
	addr := standIn(t, func(nc net.Conn) {
		heard(nc)
		cancel()
		_, _ = nc.Read(make([]byte, 1))
	})
	if _, err := dialer(t, addr, nil).Dial(ctx, addr); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestConnectionEndsWithWhatIsNoAnswer(t *testing.T) {
	testkit.NoLeaks(t)
	for name, c := range map[string]struct {
		answer func(nc net.Conn, corr uint32)
		want   error
	}{
		"none":         {func(nc net.Conn, _ uint32) { _, _ = nc.Read(make([]byte, 1)) }, ErrTimeout},
		"half of one":  {func(nc net.Conn, _ uint32) { _, _ = nc.Write([]byte{0, 0, 1, 0, 0}); _, _ = nc.Read(make([]byte, 1)) }, ErrTimeout},
		"the end":      {func(net.Conn, uint32) {}, io.EOF},
		"another's":    {func(nc net.Conn, corr uint32) { say(nc, corr+1, nil) }, ErrProtocol},
		"rubbish":      {func(nc net.Conn, corr uint32) { say(nc, corr, []byte{1, 2, 3}) }, ErrProtocol},
		"2 GB":         {func(nc net.Conn, corr uint32) { _, _ = nc.Write([]byte{0x7f, 0, 0, 0, 0, 0, 0, 2}) }, ErrProtocol},
		"a cut answer": {func(nc net.Conn, corr uint32) { _, _ = nc.Write([]byte{0, 0, 1, 0, 0, 0, 0, 2, 9, 9}) }, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			addr := standIn(t, func(nc net.Conn) {
				if greet(nc) {
					if corr, ok := heard(nc); ok {
						c.answer(nc, corr)
					}
				}
			})
			d := dialer(t, addr, map[string]string{"request.timeout.ms": "200"})
			conn, err := d.Dial(within(t, time.Minute), addr)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = conn.Do(within(t, time.Minute), kmsg.NewPtrMetadataRequest())
			var ce *ConnError
			if !errors.Is(err, c.want) || !errors.As(err, &ce) || !ce.Written {
				t.Errorf("got %v", err)
			}
			<-conn.Done()
			if out := d.Buffers().Outstanding(); out != 0 {
				t.Errorf("%d bytes are in use", out)
			}
		})
	}
}

func TestConnectionThatNobodyUsesEnds(t *testing.T) {
	testkit.NoLeaks(t)
	addr := standIn(t, func(nc net.Conn) {
		if greet(nc) {
			_, _ = nc.Read(make([]byte, 1))
		}
	})
	conn, err := dialer(t, addr, map[string]string{"connections.max.idle.ms": "50"}).Dial(within(t, time.Minute), addr)
	if err != nil {
		t.Fatal(err)
	}
	<-conn.Done()
	if !errors.Is(conn.Err(), ErrIdle) {
		t.Errorf("got %v", conn.Err())
	}
}

func TestRequestsBehindALostOneFailInOrder(t *testing.T) {
	testkit.NoLeaks(t)
	addr := standIn(t, func(nc net.Conn) {
		if greet(nc) {
			heard(nc)
		}
	})
	conn, err := dialer(t, addr, nil).Dial(within(t, time.Minute), addr)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan int, 10)
	sent := 0
	for i := range 10 {
		req := kmsg.NewPtrMetadataRequest()
		req.Version = 4
		if conn.send(&call{req: req, sized: func(a answer) {
			if a.err == nil {
				t.Error("an answer that nobody gave")
			}
			got <- i
		}}) == nil {
			sent++
		}
	}
	<-conn.Done()
	for i := range sent {
		if at := <-got; at != i {
			t.Fatalf("%d failed where %d was due", at, i)
		}
	}
}

func TestBuffersAreReusedAndBounded(t *testing.T) {
	b := NewBuffers(1 << 20)
	one := b.Get(100_000)
	if len(one) != 100_000 || b.Outstanding() != int64(SizeFor(100_000)) || SizeFor(100_000) > 125_000 {
		t.Fatalf("%d bytes, %d in use", len(one), b.Outstanding())
	}
	b.Put(one)
	if again := b.Get(SizeFor(100_000)); &again[0] != &one[0] {
		t.Error("a buffer is not used again")
	}
	var all [][]byte
	for range 20 {
		all = append(all, b.Get(100_000))
	}
	for _, buf := range all {
		b.Put(buf)
		if b.idle+b.outstanding > max(b.keep, b.outstanding) || len(all)*SizeFor(100_000) < int(b.idle) {
			t.Fatalf("%d bytes are idle beside %d in use", b.idle, b.outstanding)
		}
	}
	for n := 1; n < 1<<26; n += n/3 + 1 {
		if size := SizeFor(n); size < n || size > max(leastBuffer, n+n/4+1) || SizeFor(size) != size {
			t.Fatalf("SizeFor(%d) is %d", n, size)
		}
	}
}
