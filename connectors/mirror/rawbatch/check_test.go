package rawbatch_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
)

func TestNextOfBadBytes(t *testing.T) {
	good := made(t, 3, 10, rawbatch.CodecNone).Bytes
	changed := func(change func([]byte)) []byte {
		raw := append([]byte(nil), good...)
		change(raw)
		return raw
	}
	length := func(n int32) []byte {
		return changed(func(raw []byte) { binary.BigEndian.PutUint32(raw[8:], uint32(n)) })
	}
	for name, row := range map[string]struct {
		data []byte
		err  error
	}{
		"nothing":         {nil, rawbatch.ErrPartial},
		"no length":       {good[:11], rawbatch.ErrPartial},
		"no format":       {good[:16], rawbatch.ErrPartial},
		"no header":       {good[:60], rawbatch.ErrPartial},
		"one byte less":   {good[:len(good)-1], rawbatch.ErrPartial},
		"huge":            {length(1 << 30), rawbatch.ErrPartial},
		"negative length": {length(-1), rawbatch.ErrCorrupt},
		"length 0":        {length(0), rawbatch.ErrCorrupt},
		"shorter than v2": {length(48), rawbatch.ErrCorrupt},
		"only a header":   {length(49), nil}, // the checksum tells
		"v1 too short":    {changed(func(raw []byte) { raw[16] = 1; binary.BigEndian.PutUint32(raw[8:], 21) }), rawbatch.ErrCorrupt},
		"format 3":        {changed(func(raw []byte) { raw[16] = 3 }), rawbatch.ErrCorrupt},
		"format -1":       {changed(func(raw []byte) { raw[16] = 0xff }), rawbatch.ErrCorrupt},
	} {
		if _, _, err := rawbatch.Next(row.data); !errors.Is(err, row.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckOfHeaders is about batches with a right checksum whose header makes no sense.
func TestCheckOfHeaders(t *testing.T) {
	put := func(at int, v int32) func([]byte) {
		return func(raw []byte) { binary.BigEndian.PutUint32(raw[at:], uint32(v)) }
	}
	for name, row := range map[string]struct {
		change func([]byte)
		good   bool
	}{
		"as it is":               {asItIs, true},
		"gaps":                   {put(23, 1000), true},
		"no records":             {put(57, 0), true},
		"negative count":         {put(57, -1), false},
		"negative delta":         {put(23, -1), false},
		"more than offsets":      {put(57, 4), false},
		"more than bytes":        {func(raw []byte) { put(57, 1000)(raw); put(23, 999)(raw) }, false},
		"unknown codec":          {func(raw []byte) { raw[22] = 5 }, false},
		"most that there can be": {func(raw []byte) { put(57, 1<<31-1)(raw); put(23, 1<<31-1)(raw) }, false},
	} {
		b := made(t, 3, 10, rawbatch.CodecNone)
		row.change(b.Bytes)
		b, _, err := rawbatch.Next(seal(b.Bytes))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rawbatch.Check(&b); (err == nil) != row.good || err != nil && !errors.Is(err, rawbatch.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOrder(t *testing.T) {
	type offsets [2]int64 // the first and the last one
	for name, row := range map[string]struct {
		from, end int64
		batches   []offsets
		gap       int64 // before the last batch
		good      bool  // the last batch is; those before it are in any case
		next      int64
	}{
		"begins there":              {10, 20, []offsets{{10, 12}}, 0, true, 13},
		"begins before":             {10, 20, []offsets{{5, 12}}, 0, true, 13},
		"begins behind":             {10, 20, []offsets{{15, 16}}, 5, true, 17},
		"ends before":               {10, 20, []offsets{{5, 9}}, 0, false, 10},
		"follows":                   {10, 20, []offsets{{5, 12}, {13, 19}}, 0, true, 20},
		"follows with a gap":        {10, 20, []offsets{{5, 12}, {15, 19}}, 2, true, 20},
		"again":                     {10, 20, []offsets{{10, 12}, {10, 12}}, 0, false, 13},
		"overlaps":                  {10, 20, []offsets{{10, 12}, {12, 13}}, 0, false, 13},
		"behind the end":            {10, 20, []offsets{{15, 20}}, 0, false, 10},
		"behind an end not told of": {10, -1, []offsets{{15, 20}}, 5, true, 21},
		"negative":                  {0, 20, []offsets{{-5, 3}}, 0, false, 0},
	} {
		order := rawbatch.NewOrder(row.from, row.end)
		for i, o := range row.batches {
			b := rawbatch.Batch{BaseOffset: o[0], LastOffsetDelta: int32(o[1] - o[0])}
			gap, err := order.Check(&b)
			if i < len(row.batches)-1 {
				continue
			}
			if gap != row.gap || (err == nil) != row.good || order.Next() != row.next || err != nil && !errors.Is(err, rawbatch.ErrCorrupt) {
				t.Errorf("%s: gap %d, %v, next %d", name, gap, err, order.Next())
			}
		}
	}
}

func TestJudge(t *testing.T) {
	whole := func() rawbatch.Batch {
		return rawbatch.Batch{Magic: 2, BaseOffset: 10, Count: 5, LastOffsetDelta: 4, Bytes: make([]byte, 100)}
	}
	anything := rawbatch.Rules{Codec: rawbatch.AnyCodec}
	for _, row := range []struct {
		change func(*rawbatch.Batch)
		from   int64
		rules  rawbatch.Rules
		want   rawbatch.Verdict
	}{
		{func(*rawbatch.Batch) {}, 10, anything, rawbatch.Verdict{Action: rawbatch.Pass, Reason: rawbatch.Whole}},
		{func(*rawbatch.Batch) {}, 3, anything, rawbatch.Verdict{Action: rawbatch.Pass, Reason: rawbatch.Whole}},
		{func(b *rawbatch.Batch) { b.DeleteHorizon, b.Transactional, b.ProducerID = true, true, 5 }, 3, anything, rawbatch.Verdict{Action: rawbatch.Pass, Reason: rawbatch.Whole}},
		{func(*rawbatch.Batch) {}, 11, anything, rawbatch.Verdict{Action: rawbatch.Decode, Reason: rawbatch.BeginsBefore}},
		{func(*rawbatch.Batch) {}, 15, anything, rawbatch.Verdict{Action: rawbatch.Drop, Reason: rawbatch.Passed}},
		{func(b *rawbatch.Batch) { b.Count = 4 }, 10, anything, rawbatch.Verdict{Action: rawbatch.Decode, Reason: rawbatch.Gaps}},
		{func(b *rawbatch.Batch) { b.Count = 0 }, 10, anything, rawbatch.Verdict{Action: rawbatch.Drop, Reason: rawbatch.Empty}},
		{func(b *rawbatch.Batch) { b.Control = true }, 10, anything, rawbatch.Verdict{Action: rawbatch.Drop, Reason: rawbatch.Control}},
		{func(b *rawbatch.Batch) { b.Magic = 1 }, 10, anything, rawbatch.Verdict{Action: rawbatch.Decode, Reason: rawbatch.OldFormat}},
		{func(b *rawbatch.Batch) { b.Magic, b.Count = 0, -1 }, 10, anything, rawbatch.Verdict{Action: rawbatch.Decode, Reason: rawbatch.OldFormat}},
		{func(b *rawbatch.Batch) { b.LogAppendTime = true }, 10, anything, rawbatch.Verdict{Action: rawbatch.Decode, Reason: rawbatch.LogTime}},
		{
			func(b *rawbatch.Batch) { b.LogAppendTime = true }, 10,
			rawbatch.Rules{Codec: rawbatch.AnyCodec, LogAppendTime: true},
			rawbatch.Verdict{Action: rawbatch.Pass, Reason: rawbatch.Whole},
		},
		{func(*rawbatch.Batch) {}, 10, rawbatch.Rules{}, rawbatch.Verdict{Action: rawbatch.Pass, Reason: rawbatch.Whole}},
		{func(b *rawbatch.Batch) { b.Codec = 3 }, 10, rawbatch.Rules{}, rawbatch.Verdict{Action: rawbatch.Decode, Reason: rawbatch.OtherCodec}},
		{func(*rawbatch.Batch) {}, 10, rawbatch.Rules{Codec: rawbatch.AnyCodec, MaxBytes: 100}, rawbatch.Verdict{Action: rawbatch.Pass, Reason: rawbatch.Whole}},
		{func(*rawbatch.Batch) {}, 10, rawbatch.Rules{Codec: rawbatch.AnyCodec, MaxBytes: 99}, rawbatch.Verdict{Action: rawbatch.Decode, Reason: rawbatch.TooLarge}},
	} {
		b := whole()
		row.change(&b)
		if got := rawbatch.Judge(&b, row.from, row.rules); got != row.want {
			t.Errorf("%+v from %d, %+v: %v, %v", b, row.from, row.rules, got.Action, got.Reason)
		}
	}
	for r := range rawbatch.Reason(rawbatch.Reasons) {
		if r.String() == "" || r.String() == "unknown" {
			t.Errorf("reason %d has no name", r)
		}
	}
	if rawbatch.Reason(200).String() != "unknown" || rawbatch.Drop.String() != "drop" || rawbatch.Action(200).String() == "" {
		t.Error("names")
	}
}
