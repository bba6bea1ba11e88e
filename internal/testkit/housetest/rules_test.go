package housetest

import (
	"slices"
	"strings"
)

const module = "github.com/connectd/connectd"

// layer is how high a room stands. Imports go downward only: to a lower layer, or within the layer where the layer allows it.
type layer int

const (
	floor       layer = iota // nouns and values that all may name
	pure                     // decisions and codecs
	driver                   // each talks to one part of the world, and knows no other driver
	composition              // joins drivers by interfaces
	assembly                 // chooses the real clients and hands them in
	command                  // programs, and tests of whole programs; nobody imports them
)

func (l layer) String() string {
	return [...]string{"floor", "pure", "driver", "composition", "assembly", "command"}[l]
}

// room is one line of the house's plan. A room may be planned before it is built; a folder without a line of its own belongs to
// the room above it.
type room struct {
	path  string
	layer layer
	// pure: values in, values out. No goroutine, clock, randomness, I/O or logger.
	pure bool
	// stdlibOnly: no third-party import, since other people's code depends on this room.
	stdlibOnly bool
	// beside are rooms of its own layer that the room may import all the same, each with its reason in the comment.
	beside []string
}

var rooms = []room{
	{path: "app", layer: assembly, beside: []string{"internal/node"}}, // the command line over nodes
	{path: "connect", layer: floor, pure: true, stdlibOnly: true},
	{path: "connect/config", layer: floor, pure: true, stdlibOnly: true},
	{path: "connect/connecttest", layer: driver},
	{path: "connectors/all", layer: composition},
	{path: "connectors/converter", layer: pure, pure: true},
	{path: "connectors/fault", layer: driver},
	{path: "connectors/file", layer: driver},
	{path: "connectors/mirror", layer: driver},
	{path: "connectors/mirror/offsetsync", layer: floor, pure: true},
	{path: "connectors/mirror/rawbatch", layer: floor, pure: true},
	{path: "connectors/mirror/ring", layer: floor, pure: true},
	{path: "connectors/transform", layer: pure, pure: true, beside: []string{"connectors/converter"}}, // header values are guessed by its rules
	{path: "internal/client", layer: floor},
	{path: "internal/clientconf", layer: pure, pure: true},
	{path: "internal/cluster", layer: floor, pure: true},
	{path: "internal/configprovider", layer: pure, pure: true},
	{path: "internal/docgen", layer: command},
	{path: "internal/inspect", layer: pure, pure: true},
	{path: "internal/jackson", layer: floor, pure: true},
	{path: "internal/javaprops", layer: floor, pure: true},
	{path: "internal/javaregex", layer: floor, pure: true},
	{path: "internal/kafka", layer: driver},
	{path: "internal/kgo", layer: driver},
	{path: "internal/kgo/raw/sequence", layer: pure, pure: true},
	{path: "internal/metrics", layer: floor},
	{path: "internal/mm2conf", layer: pure, pure: true},
	{path: "internal/node", layer: assembly},
	{path: "internal/testkit", layer: floor}, // nothing but tests import it, which another test checks
	{path: "rest", layer: driver},
	{path: "rest/api", layer: floor, pure: true},
	{path: "storage", layer: driver},
	{path: "storage/configlog", layer: pure, pure: true},
	{path: "storage/memlog", layer: driver, beside: []string{"storage"}}, // implements its Log
	{path: "worker", layer: composition},
	{path: "worker/assign", layer: pure, pure: true},
	{path: "worker/connconf", layer: pure, pure: true},
	{path: "worker/group", layer: driver},
	{path: "worker/herder", layer: pure, pure: true},
	{path: "worker/lease", layer: floor, pure: true},
	{path: "worker/plugin", layer: driver},
	{path: "worker/proto", layer: pure, pure: true},
	{path: "worker/task", layer: driver},
	{path: "worker/task/ledger", layer: floor, pure: true},
	{path: "worker/workerconf", layer: pure, pure: true},
	{path: "cmd", layer: command},
	{path: "e2e", layer: command},
	{path: "examples", layer: command},
}

// Third-party modules that only some rooms may bring in, with all that import those rooms.
var confined = []struct {
	module  string
	home    string
	carried []layer // the layers that may import the home room
}{
	// The only cgo: everything below builds and tests without a C compiler, and assemblies hand it in.
	{"github.com/confluentinc/confluent-kafka-go", "internal/kafka", []layer{assembly, command}},
}

// Packages that a pure room cannot import; what lies below them counts too.
var impureImports = []string{
	"crypto/rand", "io/ioutil", "log", "math/rand", "net/http", "os", "runtime/debug", "syscall", "testing",
	"github.com/hashicorp/go-hclog", "github.com/confluentinc/confluent-kafka-go", "github.com/twmb/franz-go/pkg/kgo",
	module + "/internal/testkit",
}

// Packages of which a pure room may use some names, or all but some.
var partly = map[string]func(name string) bool{
	"time": func(name string) bool { return !slices.Contains(clockFunctions, name) },
	// What only splits and joins text.
	"net": func(name string) bool {
		return slices.Contains([]string{"IP", "IPNet", "JoinHostPort", "ParseCIDR", "ParseIP", "SplitHostPort"}, name)
	},
	// An interface may hand a logger to its user; the pure room does not log.
	"log/slog": func(name string) bool { return name == "Logger" },
	"net/http": func(name string) bool {
		return strings.HasPrefix(name, "Status") || strings.HasPrefix(name, "Method") || name == "Header"
	},
}

// Functions that read the clock or wait for it.
var clockFunctions = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

// roomOf finds the line for a package: the longest path that it is or lies below.
func roomOf(importPath string) (room, bool) {
	path, inside := strings.CutPrefix(importPath, module+"/")
	var found room
	for _, r := range rooms {
		if inside && within(path, r.path) && len(r.path) > len(found.path) {
			found = r
		}
	}
	return found, found.path != ""
}

// within tells whether a path is the folder or lies below it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

// mayImport says why a room may not import another, or nothing if it may.
func mayImport(from, to room) string {
	switch {
	case from.path == to.path, to.layer < from.layer, slices.Contains(from.beside, to.path):
		return ""
	case to.layer > from.layer:
		return "upward: " + from.path + " is " + from.layer.String() + ", " + to.path + " is " + to.layer.String()
	case to.layer == floor, to.layer == pure:
		return "" // Go itself forbids cycles
	default:
		return "sideways: both are " + from.layer.String() + "; join them from above, by an interface that lives with its user"
	}
}
