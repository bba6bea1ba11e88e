package rawbatch

// Action is what becomes of a batch.
type Action uint8

const (
	// Pass: it goes to the target as it is, patched.
	Pass Action = iota
	// Decode: its records are taken out, and those at or behind the position are put into new batches.
	Decode
	// Drop: nothing of it is copied.
	Drop
)

func (a Action) String() string {
	if a > Drop {
		return "unknown"
	}
	return [...]string{"pass", "decode", "drop"}[a]
}

// Reason is why a batch is not passed on as it is.
type Reason uint8

const (
	// Whole: it is passed on.
	Whole Reason = iota
	// OldFormat: brokers of version 4 take format v2 only.
	OldFormat
	// Gaps: compaction removed records. A broker takes consecutive offsets only.
	Gaps
	// BeginsBefore: some of its records lie before the position.
	BeginsBefore
	// TooLarge: the target's max.message.bytes is smaller.
	TooLarge
	// OtherCodec: the target's compression.type is another; it would compress the records anew, and hold its limit against that.
	OtherCodec
	// LogTime: the source's log has set the timestamps that its readers see. The records still carry the ones that
	// their producer set, which the target would show.
	LogTime
	// Refused: a broker refused the batch, for what only it can see. Judge does not give it; callers do.
	Refused
	// Small: it is one of many that are small, and goes with others into one batch. Judge does not give it; callers do.
	Small
	// Control: it is a marker that ends a transaction. Clients can't write such.
	Control
	// Empty: compaction left nothing of it but its producer's last sequence number.
	Empty
	// Passed: all of it lies before the position.
	Passed
	// Aborted: its transaction was aborted. Filter tells that, not Judge.
	Aborted

	reasons = int(Aborted) + 1
)

// Reasons is how many there are, for counters by reason.
const Reasons = reasons

func (r Reason) String() string {
	if int(r) >= reasons {
		return "unknown"
	}
	return [reasons]string{
		"whole", "old format", "gaps", "begins before the position", "too large", "other compression", "log append time",
		"refused", "small batches", "control batch", "empty", "before the position", "aborted",
	}[r]
}

// Verdict is what becomes of a batch, and why.
type Verdict struct {
	Action Action
	Reason Reason
}

// AnyCodec is the Codec of Rules for a target that takes batches as they are compressed: compression.type=producer.
const AnyCodec int8 = -1

// Rules are the settings of the target topic that matter.
type Rules struct {
	// MaxBytes is the largest batch that it takes, header included (max.message.bytes). 0: no limit is known.
	MaxBytes int
	// Codec is how it keeps records compressed, or AnyCodec. (The zero value is a topic that keeps them uncompressed.)
	Codec int8
	// LogAppendTime: it sets timestamps itself (message.timestamp.type).
	LogAppendTime bool
}

// Judge tells what becomes of a checked batch, if records count from the offset from on. What a broker does with a produced batch
// was asked of Kafka 4.3.1, see TestBroker. Filter tells besides whether it is part of an aborted transaction.
func Judge(b *Batch, from int64, r Rules) Verdict {
	switch {
	case b.Control:
		return Verdict{Drop, Control}
	case b.LastOffset() < from:
		return Verdict{Drop, Passed}
	case b.Count == 0:
		return Verdict{Drop, Empty}
	case b.Magic < 2:
		return Verdict{Decode, OldFormat}
	case b.BaseOffset < from:
		return Verdict{Decode, BeginsBefore}
	case int64(b.LastOffsetDelta)+1 != int64(b.Count):
		return Verdict{Decode, Gaps}
	case b.LogAppendTime && !r.LogAppendTime:
		return Verdict{Decode, LogTime}
	case r.Codec != AnyCodec && r.Codec != b.Codec:
		return Verdict{Decode, OtherCodec}
	case r.MaxBytes > 0 && len(b.Bytes) > r.MaxBytes:
		return Verdict{Decode, TooLarge}
	}
	return Verdict{Pass, Whole}
}
