// Command connectd is a Kafka Connect worker: `connectd distributed worker.properties` joins a Connect cluster.
package main

import "github.com/connectd/connectd/app"

// version and commit are set by the linker.
var version, commit string

func main() { app.Main(app.Distribution{Version: version, Commit: commit}) }
