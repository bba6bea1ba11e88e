package mirror

import "github.com/connectd/connectd/connect/config"

// OwnDef declares the properties of MirrorSource that Kafka's does not have; plan.enabled is for the other mirrors, too.
func OwnDef() *config.Def {
	def := config.New()
	for _, d := range ownDefs() {
		def.Define(d.Keys()...)
	}
	return def
}

func ownDefs() []*config.Def { return []*config.Def{ringDef, planDef, lifeDef()} }

// OwnKeys are the names of the properties that Kafka's mirrors do not have, for files that only pass on what they know.
func OwnKeys() (names []string) {
	for _, k := range OwnDef().Keys() {
		names = append(names, k.Name)
	}
	return names
}
