package raw

import (
	"cmp"
	"encoding/binary"
	"net"
	"slices"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Versions of Produce: 3 brought record batches of format v2, 9 the flexible format, 13 topic ids (KIP-516). A transaction whose
// partitions are added explicitly (KIP-98, before KIP-890) ends with 11.
const (
	leastProduce         = 3
	flexibleProduce      = 9
	transactionalProduce = 11
	namedProduce         = 12
	mostProduce          = 13
)

// produceRequest is a Produce request whose batches stay where they are.
type produceRequest struct {
	kmsg.ProduceRequest // its head; Topics stay empty
	items               []outItem
}

var _ Gathered = (*produceRequest)(nil)

// outItem is one partition's batch in a request.
type outItem struct {
	lane  *lane
	batch *batch
	bytes []byte
	done  bool
}

// newRequest begins a request for a connection. The lock is held.
func (p *Producer) newRequest(conn *Conn) *produceRequest {
	r := &produceRequest{}
	r.Acks = int16(p.set.Acks)
	if r.Acks == 0 {
		r.Acks = 1
	}
	r.TimeoutMillis = int32(min(p.cl.Dialer().RequestTimeout().Milliseconds(), 1<<31-1))
	most := int16(mostProduce)
	if p.txn != nil {
		r.TransactionID = &p.set.TransactionalID
		most = transactionalProduce
	}
	r.Version = max(conn.Version(0, most), leastProduce)
	return r
}

// sort brings the partitions of a topic together, and finds the version: topics without an id need names.
func (r *produceRequest) sort() {
	slices.SortStableFunc(r.items, func(a, b outItem) int { return cmp.Compare(a.lane.topic.name, b.lane.topic.name) })
	for i := range r.items {
		if t := r.items[i].lane.topic; r.Version > namedProduce && (t.meta == nil || t.meta.ID == [16]byte{}) {
			r.Version = namedProduce
		}
	}
	for i := range r.items {
		t := r.items[i].lane.topic
		if i > 0 && t == r.items[i-1].lane.topic {
			continue
		}
		// Names and ids as they are now: metadata may change until the answer is there.
		topic := kmsg.ProduceRequestTopic{Topic: t.name}
		if r.Version > namedProduce {
			topic.TopicID = t.meta.ID
		}
		r.Topics = append(r.Topics, topic)
	}
}

// AppendTo is that of a request without batches; what is sent is gathered.
func (r *produceRequest) AppendTo(dst []byte) []byte {
	scratch, parts := r.Gather(nil, nil)
	_ = scratch
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}

// Gather implements Gathered.
func (r *produceRequest) Gather(scratch []byte, parts net.Buffers) ([]byte, net.Buffers) {
	w := gatherer{buf: slices.Grow(scratch, r.headSize()), parts: parts, flexible: r.Version >= flexibleProduce}
	w.head(r)
	w.length(len(r.Topics))
	at := 0
	for i := range r.Topics {
		t := r.items[at].lane.topic
		end := at
		for end < len(r.items) && r.items[end].lane.topic == t {
			end++
		}
		if r.Version > namedProduce {
			w.buf = append(w.buf, r.Topics[i].TopicID[:]...)
		} else {
			w.text(r.Topics[i].Topic)
		}
		w.length(end - at)
		for ; at < end; at++ {
			it := &r.items[at]
			w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(it.lane.partition))
			w.length(len(it.bytes))
			w.piece(it.bytes)
			w.tags()
		}
		w.tags()
	}
	w.tags()
	w.cut()
	return w.buf, w.parts
}

// headSize is at least what Gather builds besides the batches.
func (r *produceRequest) headSize() int {
	n := 64
	if r.TransactionID != nil {
		n += len(*r.TransactionID)
	}
	for i := range r.Topics {
		n += 32 + len(r.Topics[i].Topic)
	}
	return n + 16*len(r.items)
}

// gatherer builds what lies between batches.
type gatherer struct {
	buf      []byte
	from     int // what is not among parts yet
	parts    net.Buffers
	flexible bool
}

func (w *gatherer) head(r *produceRequest) {
	if w.flexible {
		w.buf = kbin.AppendCompactNullableString(w.buf, r.TransactionID)
	} else {
		w.buf = kbin.AppendNullableString(w.buf, r.TransactionID)
	}
	w.buf = kbin.AppendInt16(w.buf, r.Acks)
	w.buf = kbin.AppendInt32(w.buf, r.TimeoutMillis)
}

// length is that of an array or of bytes.
func (w *gatherer) length(n int) {
	if w.flexible {
		w.buf = kbin.AppendCompactArrayLen(w.buf, n)
	} else {
		w.buf = kbin.AppendArrayLen(w.buf, n)
	}
}

func (w *gatherer) text(s string) {
	if w.flexible {
		w.buf = kbin.AppendCompactString(w.buf, s)
	} else {
		w.buf = kbin.AppendString(w.buf, s)
	}
}

func (w *gatherer) tags() {
	if w.flexible {
		w.buf = append(w.buf, 0)
	}
}

// piece puts in what lies elsewhere.
func (w *gatherer) piece(p []byte) {
	w.cut()
	w.parts = append(w.parts, p)
}

func (w *gatherer) cut() {
	if w.from < len(w.buf) {
		w.parts = append(w.parts, w.buf[w.from:len(w.buf):len(w.buf)])
		w.from = len(w.buf)
	}
}

// answers calls each once for every batch of the request.
func (r *produceRequest) answers(resp kmsg.Response, err error, each func(*outItem, result)) {
	if err == nil {
		r.match(resp.(*kmsg.ProduceResponse), each)
		err = ErrProtocol // for partitions that the broker says nothing of
	}
	for i := range r.items {
		if it := &r.items[i]; !it.done {
			it.done = true
			each(it, result{err: err})
		}
	}
}

// match finds the batches that an answer tells of. It is quick when they come in the order in which they were asked for.
func (r *produceRequest) match(resp *kmsg.ProduceResponse, each func(*outItem, result)) {
	at := 0
	for i := range resp.Topics {
		t := &resp.Topics[i]
		topic := slices.IndexFunc(r.Topics, func(q kmsg.ProduceRequestTopic) bool {
			if r.Version > namedProduce {
				return q.TopicID == t.TopicID
			}
			return q.Topic == t.Topic
		})
		if topic < 0 {
			continue
		}
		name := r.Topics[topic].Topic
		for j := range t.Partitions {
			part := &t.Partitions[j]
			is := func(it outItem) bool {
				return it.lane.partition == part.Partition && !it.done && it.lane.topic.name == name
			}
			if at >= len(r.items) || !is(r.items[at]) {
				if at = slices.IndexFunc(r.items, is); at < 0 {
					at = 0
					continue
				}
			}
			it := &r.items[at]
			it.done = true
			at++
			each(it, result{code: part.ErrorCode, offset: part.BaseOffset, text: part.ErrorMessage})
		}
	}
}
