package node

import (
	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/all"
	"github.com/connectd/connectd/worker/plugin"
	"github.com/hashicorp/go-hclog"
)

// Plugins is the registry of a distribution by itself, for those who ask about plugins without running them.
func Plugins(register func(connect.Registrar, all.Deps)) *plugin.Registry {
	log := hclog.NewNullLogger()
	reg := plugin.New()
	register(reg, all.Deps{More: []func(connect.Registrar){registerMirror(newTranslator(log), log)}})
	return reg
}
