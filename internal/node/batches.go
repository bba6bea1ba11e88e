package node

import (
	"errors"

	"github.com/connectd/connectd/connectors/mirror"
	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	kgoclient "github.com/connectd/connectd/internal/kgo"
)

// codec is shared by all tasks: it keeps nothing of what it did.
var codec kgoclient.Codec

// Codec compresses and decompresses record batches.
func (m mirrorClients) Codec() rawbatch.Codec { return &codec }

// BatchReader opens a reader of whole record batches.
func (m mirrorClients) BatchReader(props map[string]string) (mirror.BatchReader, error) {
	return nil, errors.New("whole batches can't be read")
}
