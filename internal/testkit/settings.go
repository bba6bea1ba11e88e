package testkit

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// quickJVM makes a JVM that lives for seconds start sooner: no optimising compiler, no parallel collector.
var quickJVM = []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.awt.headless=true", "-Xshare:auto"}

// stockJVM is what Kafka's own start scripts set.
var stockJVM = []string{
	"-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
	"-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true",
}

// Option changes how a broker or a Java worker is set up.
type Option func(*settings)

// Property sets a line of server.properties or worker.properties, in place of testkit's or Kafka's default.
func Property(key, value string) Option {
	return func(s *settings) { s.overrides[key] = value }
}

// Listener gives a broker one more listener of that name and security protocol (SSL, SASL_PLAINTEXT, SASL_SSL or PLAINTEXT) on a
// port of its own: Broker.Listener returns its address. Its keys and mechanisms are set with Property("listener.name.…").
func Listener(name, protocol string) Option {
	return func(s *settings) { s.listeners = append(s.listeners, listener{name, protocol}) }
}

// Heap sets the largest size of the Java heap, as in -Xmx: "512m" by default.
func Heap(size string) Option {
	return func(s *settings) { s.heap = size }
}

// StockJVM runs the JVM with the flags and heap of Kafka's own start scripts, and without the class archive that makes
// testkit's start sooner: for measurements.
func StockJVM() Option {
	return func(s *settings) { s.stock = true }
}

// OldRelease makes a Java worker one of OldKafkaVersion. Its start takes longer: it has no class archive.
func OldRelease() Option {
	return func(s *settings) { s.old, s.archive, s.archiveSet = true, nil, true }
}

// HTTPS has a Java worker serve https, with the keys given by Property("listeners.https.ssl.…").
func HTTPS() Option {
	return func(s *settings) { s.https = true }
}

// Racks puts each broker of a cluster into a rack of its own, which is named by its id: rack-1, rack-2 and so on.
func Racks() Option {
	return func(s *settings) { s.racks = true }
}

// withArchive says which class archive flags to use in place of the usual ones.
func withArchive(flags ...string) Option {
	return func(s *settings) { s.archive, s.archiveSet = flags, true }
}

type listener struct{ name, protocol string }

type settings struct {
	properties map[string]string
	overrides  map[string]string
	listeners  []listener
	heap       string
	stock      bool
	old        bool
	https      bool
	racks      bool
	archive    []string // JVM arguments for the class archive, if archiveSet
	archiveSet bool
}

func newSettings(options []Option) *settings {
	s := &settings{properties: map[string]string{}, overrides: map[string]string{}}
	for _, option := range options {
		option(s)
	}
	return s
}

func (s *settings) set(key, value string) { s.properties[key] = value }

// node sets what a KRaft node needs to know of itself and its cluster of so many brokers.
func (s *settings) node(id, brokers int, voters, listeners, roles string) {
	s.set("process.roles", roles)
	s.set("node.id", fmt.Sprint(id))
	s.set("controller.quorum.voters", voters)
	s.set("listeners", listeners)
	s.set("controller.listener.names", "CONTROLLER")
	protocols := "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"
	for _, l := range s.listeners {
		protocols += "," + l.name + ":" + l.protocol
	}
	s.set("listener.security.protocol.map", protocols)
	if strings.Contains(roles, "broker") {
		s.set("inter.broker.listener.name", "PLAINTEXT")
		if s.racks {
			s.set("broker.rack", fmt.Sprintf("rack-%d", id))
		}
	}
	replicas := fmt.Sprint(min(brokers, 3))
	for key, value := range map[string]string{
		// Internal topics as large as the cluster can bear, and few partitions: each costs files and time.
		"offsets.topic.replication.factor":                 replicas,
		"offsets.topic.num.partitions":                     "5",
		"transaction.state.log.replication.factor":         replicas,
		"transaction.state.log.min.isr":                    "1",
		"transaction.state.log.num.partitions":             "5",
		"share.coordinator.state.topic.replication.factor": replicas,
		"share.coordinator.state.topic.min.isr":            "1",
		"share.coordinator.state.topic.num.partitions":     "1",
		// A new group need not wait for members that never come, nor a cluster long for a broker that was killed.
		"group.initial.rebalance.delay.ms": "0",
		"broker.session.timeout.ms":        "6000",
		"broker.heartbeat.interval.ms":     "500",
		// Small buffers and few threads: several brokers share the machine with what is tested.
		"log.cleaner.dedupe.buffer.size":    "4194304",
		"num.network.threads":               "2",
		"num.io.threads":                    "4",
		"num.recovery.threads.per.data.dir": "1",
		"background.threads":                "2",
	} {
		s.set(key, value)
	}
}

// text is the properties file. Keys are sorted, so that two files can be compared.
func (s *settings) text() []byte {
	all := maps.Clone(s.properties)
	maps.Copy(all, s.overrides)
	var b strings.Builder
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s=%s\n", key, escape.Replace(all[key]))
	}
	return []byte(b.String())
}

// flags are the JVM's arguments for a process of that kind ("broker" or "connect"), which record runs once for its archive.
func (s *settings) flags(in *installation, kind string, record func(string, Option) error) []string {
	base, heap := quickJVM, "512m"
	if s.stock {
		base, heap = stockJVM, map[string]string{"broker": "1G", "connect": "2G"}[kind]
	} else if !s.archiveSet {
		s.archive = in.archiveFlags(kind, record)
	}
	if s.heap != "" {
		heap = s.heap
	}
	return slices.Concat([]string{"-Xmx" + heap}, base, s.archive, []string{in.logArgument()})
}

// newUUID returns a random id as Kafka writes them: 16 bytes in URL-safe base64, never beginning with a dash.
func newUUID() string {
	for {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails
		if text := base64.RawURLEncoding.EncodeToString(id[:]); !strings.HasPrefix(text, "-") {
			return text
		}
	}
}
