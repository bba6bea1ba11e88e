// Command counter is an example for authors of connectors: a worker with all that connectd brings and one source connector of its
// own, which counts. docs/writing-connectors.md walks through it.
//
//	go run ./examples/counter dev -no-sample
package main

import (
	"github.com/connectd/connectd/app"
	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/all"
)

func main() {
	app.Main(app.Distribution{
		Version: "example",
		Register: func(r connect.Registrar, d app.Deps) {
			all.Register(r, d)
			r.Connector(plugin())
		},
	})
}
