package rawbatch

import "encoding/binary"

// Patch makes a batch of format v2 the producer's own, in place: base offset 0, no leader epoch, the producer's id, epoch and sequence
// (-1, -1, -1 for none), and of the attributes the codec and whether it is transactional. Bits that a producer may not send are cleared:
// log append time, control, delete horizon (what the records say does not depend on that one). bodyCRC is what Check gave, and
// makes the new checksum cheap. It may be called again for the same batch, as when a producer gets a new id.
//
// raw must be a batch that Check found right, or one that Encoder made.
func Patch(raw []byte, producerID int64, epoch int16, baseSequence int32, transactional bool, bodyCRC uint32) {
	h := raw[:HeaderSize]
	binary.BigEndian.PutUint64(h, 0)
	binary.BigEndian.PutUint32(h[atLeaderEpoch:], 0xffffffff)
	attributes := uint16(h[atAttributes+1] & bitsCodec)
	if transactional {
		attributes |= bitTransactional
	}
	binary.BigEndian.PutUint16(h[atAttributes:], attributes)
	binary.BigEndian.PutUint64(h[atProducerID:], uint64(producerID))
	binary.BigEndian.PutUint16(h[atProducerEpoch:], uint16(epoch))
	binary.BigEndian.PutUint32(h[atBaseSequence:], uint32(baseSequence))
	binary.BigEndian.PutUint32(h[atCRC:], joined(h[atAttributes:], raw[HeaderSize:], bodyCRC))
}
