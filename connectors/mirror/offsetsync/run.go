package offsetsync

import (
	"errors"
	"math"
)

// Run is a row of equal pieces. A piece is N records that follow each other without a gap in both clusters; the first lies at
// Up and Down, and each further piece StepUp and StepDown behind the one before. Transactions of equal size make such rows,
// as a marker that is no record stands between them. Steps are 0 for a single piece.
type Run struct {
	Up, Down int64
	// N is the number of records of a piece, at least 1.
	N int64
	// Times is the number of pieces, at least 1.
	Times int64
	// StepUp and StepDown are at least N.
	StepUp, StepDown int64
}

// End is the upstream offset behind the last record.
func (r Run) End() int64 { return r.Up + (r.Times-1)*r.StepUp + r.N }

// DownEnd is the downstream offset behind the last record.
func (r Run) DownEnd() int64 { return r.Down + (r.Times-1)*r.StepDown + r.N }

// find tells in which piece an offset at or behind Up lies, and how far into it; what lies in a gap belongs to the piece before.
func (r Run) find(up int64) (piece, into int64) {
	if r.Times == 1 {
		return 0, up - r.Up
	}
	piece = min((up-r.Up)/r.StepUp, r.Times-1)
	return piece, up - r.Up - piece*r.StepUp
}

// at finds the first record at or behind up. There must be one.
func (r Run) at(up int64) int64 {
	if up <= r.Up {
		return r.Down
	}
	piece, into := r.find(up)
	if into >= r.N {
		piece, into = piece+1, 0
	}
	return r.Down + piece*r.StepDown + into
}

// piece is the k-th piece, without its first cut records.
func (r Run) piece(k, cut int64) Run {
	return Run{Up: r.Up + k*r.StepUp + cut, Down: r.Down + k*r.StepDown + cut, N: r.N - cut, Times: 1}
}

// pieces are n pieces from the k-th on.
func (r Run) pieces(k, n int64) Run {
	r.Up, r.Down, r.Times = r.Up+k*r.StepUp, r.Down+k*r.StepDown, n
	if n == 1 {
		r.StepUp, r.StepDown = 0, 0
	}
	return r
}

// before appends what of the run lies before an upstream offset.
func (r Run) before(up int64, to []Run) []Run {
	switch {
	case up >= r.End():
		return append(to, r)
	case up <= r.Up:
		return to
	}
	k, into := r.find(up)
	if into >= r.N {
		return append(to, r.pieces(0, k+1))
	}
	if k > 0 {
		to = append(to, r.pieces(0, k))
	}
	if into > 0 {
		last := r.piece(k, 0)
		last.N = into
		to = append(to, last)
	}
	return to
}

// from appends what of the run lies at or behind an upstream offset.
func (r Run) from(up int64, to []Run) []Run {
	switch {
	case up <= r.Up:
		return append(to, r)
	case up >= r.End():
		return to
	}
	k, into := r.find(up)
	if into > 0 && into < r.N {
		to = append(to, r.piece(k, into))
	}
	if into > 0 {
		k++
	}
	if k < r.Times {
		to = append(to, r.pieces(k, r.Times-k))
	}
	return to
}

// reaches is the upstream offset of the first record at or behind a downstream offset. There must be one.
func (r Run) reaches(down int64) int64 {
	mirrored := Run{Up: r.Down, Down: r.Up, N: r.N, Times: r.Times, StepUp: r.StepDown, StepDown: r.StepUp}
	return mirrored.at(down)
}

var errRun = errors.New("its pieces overlap or lie outside of what offsets can be")

// check tells whether a run is possible, behind what ends at up and down.
func (r Run) check(up, down int64) error {
	most := int64(math.MaxInt64)
	switch {
	case r.Up < up || r.Down < down || r.N < 1 || r.Times < 1,
		r.Up > most-r.N || r.Down > most-r.N:
		return errRun
	case r.Times == 1:
		if r.StepUp != 0 || r.StepDown != 0 {
			return errRun
		}
		return nil
	case r.StepUp < r.N || r.StepDown < r.N,
		r.StepUp > (most-r.N-r.Up)/(r.Times-1) || r.StepDown > (most-r.N-r.Down)/(r.Times-1):
		return errRun
	}
	return nil
}
