package mirror

import "github.com/connectd/connectd/connect/config"

const (
	propSyncsRF = "offset-syncs.topic.replication.factor"
	propLagMax  = "offset.lag.max"
)

// syncSettings is what MirrorSource's properties say of offset syncs.
type syncSettings struct {
	enabled     bool
	onTarget    bool // the topic is on the target cluster
	replication int16
	lagMax      int64
}

func parseSyncs(v config.Values) syncSettings {
	return syncSettings{
		enabled: v.Bool(propEmitSyncs), onTarget: v.String(propSyncsLocation) == "target",
		replication: int16(v.Int(propSyncsRF)), lagMax: v.Int64(propLagMax),
	}
}

// syncsSide tells on which cluster offset syncs are kept, and the alias that their topic's name has.
func (s *settings) syncsSide() (side, alias string) {
	if s.syncs.onTarget {
		return "target", s.source
	}
	return "source", s.target
}
