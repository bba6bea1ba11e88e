package rawbatch

import "hash/crc32"

// castagnoli is CRC-32C's table. It is never written to.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// reckonFrom is the length of a body from which on its checksum is put together with the header's by reckoning. Below, going over
// the body again costs less. By BenchmarkJoin.
const reckonFrom = 1024

// joined is the checksum of head and body one after the other, where bodyCRC is that of body.
func joined(head, body []byte, bodyCRC uint32) uint32 {
	crc := crc32.Update(0, castagnoli, head)
	if len(body) < reckonFrom {
		return crc32.Update(crc, castagnoli, body)
	}
	return combine(crc, bodyCRC, len(body))
}

// combine is the checksum of what has the checksum a and, behind it, n bytes that have the checksum b. Checksums are polynomials over
// the bits: bytes behind multiply by x^8 each, modulo Castagnoli's polynomial, and what they hold is added.
func combine(a, b uint32, n int) uint32 {
	for i := 0; n > 0 && i < len(shifts); i++ {
		if low := n & 0xff; low != 0 {
			a = multiply(shifts[i][low], a)
		}
		n >>= 8
	}
	return a ^ b
}

// shifts[i][j] is x^(8·j·256^i): j·256^i bytes. It is never written to.
var shifts = func() (t [4][256]uint32) {
	const one = 1 << 31 // bit 31 is x^0
	step := uint32(one >> 8)
	for i := range t {
		t[i][0] = one
		for j := 1; j < 256; j++ {
			t[i][j] = multiply(t[i][j-1], step)
		}
		step = multiply(t[i][255], step)
	}
	return t
}()

// multiply multiplies two polynomials modulo Castagnoli's. Bits are reflected: the highest one is x^0. Without branches, as the bits
// are as good as random.
func multiply(a, b uint32) uint32 {
	var p uint32
	for i := 31; i >= 0; i-- {
		p ^= b & -(a >> i & 1)
		b = b>>1 ^ crc32.Castagnoli&-(b&1)
	}
	return p
}
