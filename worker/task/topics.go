package task

// TopicResets counts how often used topics were forgotten, on request or otherwise, for any connector: a topic that is
// used after that counts as used anew (KIP-558). Nil stands for never. It is called for each batch.
type TopicResets func() uint64

// changed tells whether the count is another than the one seen before, which it replaces.
func (f TopicResets) changed(seen *uint64) bool {
	if f == nil {
		return false
	}
	n := f()
	was := *seen
	*seen = n
	return n != was
}
