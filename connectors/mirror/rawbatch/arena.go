package rawbatch

// arena is memory for the contents of batches while records of them are pending. It hands out the free end of a chunk, and keeps
// what became of it.
type arena struct {
	chunks [][]byte // each up to where it is used
	at     int      // the chunk that is being filled; those behind it are empty
}

const (
	chunkBytes = 1 << 20
	// leastRoom is a chunk's rest that is not worth trying.
	leastRoom = 64 << 10
)

// room is an empty slice with some room to append to.
func (a *arena) room() []byte {
	for a.at < len(a.chunks) {
		if c := a.chunks[a.at]; cap(c)-len(c) >= leastRoom {
			return c[len(c):]
		}
		a.at++
	}
	c := make([]byte, 0, chunkBytes)
	a.chunks = append(a.chunks, c)
	return c
}

// keep takes what was appended to room: it stays until free. What did not fit has become memory of its own, and is a chunk from now on.
func (a *arena) keep(room, used []byte) {
	if len(used) == 0 {
		return
	}
	if &room[:1][0] == &used[0] {
		c := a.chunks[a.at]
		a.chunks[a.at] = c[:len(c)+len(used)]
		return
	}
	a.chunks = append(a.chunks, nil)
	copy(a.chunks[a.at+1:], a.chunks[a.at:])
	a.chunks[a.at] = used
	a.at++
}

// free makes room of all but the chunk in which last lies, of what was kept last.
func (a *arena) free(last []byte) {
	kept := -1
	for i, c := range a.chunks {
		if len(last) > 0 && len(c) >= len(last) && &c[len(c)-len(last)] == &last[0] {
			kept = i
			continue
		}
		a.chunks[i] = c[:0]
	}
	a.at = 0
	if kept > 0 {
		a.chunks[0], a.chunks[kept] = a.chunks[kept], a.chunks[0]
	}
}

// trim frees everything, and gives back what is more than so many bytes.
func (a *arena) trim(most int) {
	a.free(nil)
	n := 0
	for _, c := range a.chunks {
		if cap(c) <= most {
			most -= cap(c)
			a.chunks[n] = c
			n++
		}
	}
	clear(a.chunks[n:])
	a.chunks = a.chunks[:n]
}
