package raw

import "encoding/binary"

// Where the fields lie that every version of a record batch has, or version 2 has.
const (
	atLength    = 8
	atEpoch     = 12
	atMagic     = 16
	atLastDelta = 23
	batchHead   = 61
	entryHead   = 17 // of versions 0 and 1, up to the magic
)

// scan looks for where to read on after data: behind the last batch that is there as a whole. epoch is the leader epoch it was written in, -1
// unknown. next is from if there is no whole batch behind it. What makes no sense ends the search: whoever takes the data sees it.
func scan(data []byte, from int64) (next int64, epoch int32) {
	next, epoch = from, -1
	for len(data) >= entryHead {
		base := int64(binary.BigEndian.Uint64(data))
		size := int64(int32(binary.BigEndian.Uint32(data[atLength:]))) + atEpoch
		if base < 0 || size < entryHead || size > int64(len(data)) {
			break
		}
		last, in := base, int32(-1)
		if data[atMagic] >= 2 {
			if size < batchHead {
				break
			}
			delta := int32(binary.BigEndian.Uint32(data[atLastDelta:]))
			if delta < 0 {
				break
			}
			last += int64(delta)
			in = int32(binary.BigEndian.Uint32(data[atEpoch:]))
		}
		if last < base || last+1 < last { // overflow
			break
		}
		if last+1 > next {
			next, epoch = last+1, in
		}
		data = data[size:]
	}
	return next, epoch
}
