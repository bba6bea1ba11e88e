package proto

import (
	"fmt"
	"strings"
)

// ProtocolType is the group protocol type of every Connect group.
const ProtocolType = "connect"

// Protocol is one of the Connect subprotocols, ordered from the oldest.
type Protocol int

// The subprotocols; the number is the version in the bytes' header.
const (
	// Eager stops all work in every rebalance.
	Eager Protocol = iota
	// Compatible is incremental cooperative rebalancing (KIP-415).
	Compatible
	// Sessioned is Compatible plus session keys that sign internal REST requests (KIP-507).
	Sessioned
)

var protocolNames = [...]struct{ config, wire string }{
	Eager:      {"eager", "default"},
	Compatible: {"compatible", "compatible"},
	Sessioned:  {"sessioned", "sessioned"},
}

// ParseProtocol reads a value of connect.protocol, in any case as Java does.
func ParseProtocol(config string) (Protocol, error) {
	for p, names := range protocolNames {
		if strings.EqualFold(names.config, config) {
			return Protocol(p), nil
		}
	}
	return 0, fmt.Errorf("connect.protocol: %q is unknown; use eager, compatible or sessioned", config)
}

// FromWire reads a protocol name as the broker elected it; eager's name is "default".
func FromWire(name string) (Protocol, error) {
	for p, names := range protocolNames {
		if strings.EqualFold(names.wire, name) {
			return Protocol(p), nil
		}
	}
	return 0, fmt.Errorf("the group elected the protocol %q, which is none of default, compatible and sessioned", name)
}

// String is the value of connect.protocol.
func (p Protocol) String() string {
	if p < 0 || int(p) >= len(protocolNames) {
		return fmt.Sprintf("protocol(%d)", int(p))
	}
	return protocolNames[p].config
}

// Wire is the protocol's name in JoinGroup and SyncGroup.
func (p Protocol) Wire() string {
	if p < 0 || int(p) >= len(protocolNames) {
		return ""
	}
	return protocolNames[p].wire
}

// Version is the number in the header of the protocol's bytes.
func (p Protocol) Version() int16 { return int16(p) }

// Incremental tells whether work is kept across a rebalance until it is revoked.
func (p Protocol) Incremental() bool { return p != Eager }

// Offer is one protocol of a JoinGroup request.
type Offer struct {
	// Name is the protocol's name on the wire.
	Name string
	// Metadata is the member's encoded metadata.
	Metadata []byte
}

// Offers lists what a worker with this connect.protocol offers, most preferred first; the broker elects the first one
// that all members offer. It fails when a name in the metadata is too long for the wire.
func Offers(most Protocol, m Metadata) ([]Offer, error) {
	offers := make([]Offer, 0, int(most)+1)
	for p := most; p >= Eager; p-- {
		b, err := EncodeMetadata(p, m)
		if err != nil {
			return nil, err
		}
		offers = append(offers, Offer{Name: p.Wire(), Metadata: b})
	}
	return offers, nil
}
