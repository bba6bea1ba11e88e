package node

import (
	"github.com/connectd/connectd/connectors/mirror"
	"github.com/hashicorp/go-hclog"
)

// MirrorClients opens clients for what looks at links without a worker.
func MirrorClients(log hclog.Logger) mirror.Clients {
	return mirrorClients{tr: newTranslator(log), log: log}
}
