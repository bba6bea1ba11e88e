package client

// Group is a consumer group.
type Group struct {
	// State is the group's state as the brokers name it: "Empty", "Stable", and so on.
	State string
}

// Idle tells that a group has no members: its positions may be changed from outside.
func (g Group) Idle() bool { return g.State == "Empty" || g.State == "Dead" }

// GroupOffset is a committed position: the offset of the record to be read next, and what the consumer noted beside it.
type GroupOffset struct {
	At       int64
	Metadata string
}

// Bounds are where a partition begins, and the offset behind its last record.
type Bounds struct{ Start, End int64 }
