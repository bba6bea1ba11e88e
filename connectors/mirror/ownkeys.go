package mirror

import "github.com/connectd/connectd/connect/config"

// ownDefs declare the properties that Kafka's mirrors do not have.
func ownDefs() []*config.Def { return []*config.Def{ringDef, planDef, lifeDef()} }

// OwnKeys are the names of the properties that Kafka's mirrors do not have, for files that only pass on what they know.
func OwnKeys() (names []string) {
	for _, def := range ownDefs() {
		for _, k := range def.Keys() {
			names = append(names, k.Name)
		}
	}
	return names
}
