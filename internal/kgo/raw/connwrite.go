package raw

import (
	"encoding/binary"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// headOnly makes the formatter write a request's header without its body.
type headOnly struct{ kmsg.Request }

// AppendTo leaves the body out.
func (headOnly) AppendTo(dst []byte) []byte { return dst }

// setSize writes the length of a request, which its first piece begins with.
func setSize(head []byte, parts net.Buffers) {
	n := -4
	for _, p := range parts {
		n += len(p)
	}
	binary.BigEndian.PutUint32(head, uint32(n))
}

// tlsChunk is a little less than a TLS record holds. What is smaller is collected up to it.
const tlsChunk = 16 << 10

// writeParts writes all pieces, by one call to the system where that is possible.
func writeParts(nc net.Conn, parts net.Buffers) error {
	if _, plain := nc.(*net.TCPConn); plain {
		all := parts // WriteTo consumes what it is called on
		_, err := all.WriteTo(nc)
		return err
	}
	var pending []byte
	for _, p := range parts {
		if len(pending)+len(p) <= tlsChunk {
			pending = append(pending, p...)
			continue
		}
		if len(pending) > 0 {
			if _, err := nc.Write(pending); err != nil {
				return err
			}
			pending = pending[:0]
		}
		if len(p) <= tlsChunk {
			pending = append(pending, p...)
			continue
		}
		if _, err := nc.Write(p); err != nil {
			return err
		}
	}
	if len(pending) == 0 {
		return nil
	}
	_, err := nc.Write(pending)
	return err
}
