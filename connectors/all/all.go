// Package all is the distribution: the explicit list of the plugins that come with connectd. Whoever builds a worker of
// their own writes such a list; there is no init() and no global registry.
package all

import (
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/converter"
	"github.com/connectd/connectd/connectors/file"
	"github.com/connectd/connectd/connectors/transform"
)

// Deps is what some plugins need from the program that contains them.
type Deps struct {
	// More registers plugins that need clients of their own, in order.
	More []func(connect.Registrar)
}

// Register hands every plugin to a registrar.
func Register(r connect.Registrar, deps Deps) {
	converter.Register(r)
	transform.Register(r, time.Now)
	file.Register(r)
	for _, register := range deps.More {
		register(r)
	}
}
