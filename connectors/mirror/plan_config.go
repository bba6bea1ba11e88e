package mirror

import "github.com/connectd/connectd/connect/config"

const propPlan = "plan.enabled"

// planDef declares how to ask for a dry run; Kafka's mirrors have nothing like it.
var planDef = config.New(config.Key{
	Name: propPlan, Type: config.TypeBoolean, Default: false, Importance: config.Low,
	Doc: "Whether validating the config lists what the connector would create and change, in the recommended values of a value named `plan`. Nothing is written. Without effect on a running connector.",
})
