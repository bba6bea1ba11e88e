package measure

import "time"

// CheckpointTeller is an optional interface of a source task that translates positions of consumer groups.
type CheckpointTeller interface {
	// CheckpointLatencies is called from any goroutine, beside everything else, and must not wait for anything.
	CheckpointLatencies(now time.Time) []CheckpointLatency
}

// CheckpointLatency is how long positions of a group in a partition took, from when they were translated until they lay in the target,
// in milliseconds.
type CheckpointLatency struct {
	Source, Target, Group, Topic string
	Partition                    int32
	Ms                           Spread
}
