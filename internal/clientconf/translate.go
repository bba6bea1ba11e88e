package clientconf

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

const (
	maxInt  = math.MaxInt32
	maxLong = math.MaxInt64
)

// Translate understands one client's Java properties, stripped of any "producer.", "consumer.", "admin." or "override"
// prefix. Where a property is absent, Java 4.3's default holds, apart from the exceptions in docs/decisions-clientconf.md.
//
// read opens the key stores that the properties name; nil refuses them. The error joins one [*PropertyError] per wrong
// property; the Settings are then not usable. What is merely not supported is in Settings.Warnings.
func Translate(role Role, props map[string]string, read ReadFile) (*Settings, error) {
	if role != Producer && role != Consumer && role != Admin {
		return nil, errors.New("clientconf: role must be Producer, Consumer or Admin")
	}
	r := &reader{role: role, props: props, read: read, out: &Settings{Role: role, Librdkafka: map[string]string{}}}
	r.common()
	r.security()
	switch role {
	case Producer:
		r.producer()
	case Consumer:
		r.consumer()
	}
	r.rest()
	if len(r.errs) > 0 {
		return nil, errors.Join(r.errs...)
	}
	slices.SortStableFunc(r.out.Warnings, func(a, b Warning) int { return strings.Compare(a.Property, b.Property) })
	return r.out, nil
}

// rest deals with what the translation does not read: escapes, properties without counterpart, unknown ones.
func (r *reader) rest() {
	for _, name := range slices.Sorted(maps.Keys(r.props)) {
		value := r.props[name]
		if rdk, ok := strings.CutPrefix(name, escapePrefix); ok {
			if rdk == "" {
				r.fail(invalid(name, value, "the name of a librdkafka setting must follow the prefix"))
				continue
			}
			r.set(rdk, value)
			continue
		}
		if strings.HasPrefix(name, "metrics.context.") || strings.HasPrefix(name, "config.providers.") {
			continue
		}
		p, known := lookupProperty(name)
		switch {
		case !known || !p.roles.has(r.role):
			r.warn(name, "unknown "+r.role.String()+" property, ignored; to set it in librdkafka write "+escapePrefix+name)
		case p.verdict == noCounterpart && strings.TrimSpace(value) != p.def:
			r.warn(name, "no counterpart: "+p.reason)
		}
	}
}

func (r *reader) common() {
	r.bootstrap()
	if id := r.text("client.id"); id != "" {
		r.out.ClientID = id
		r.set("client.id", id)
	}
	if v := r.oneOf("client.dns.lookup", "", false, "use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"); v != "" {
		r.set("client.dns.lookup", v)
	}
	r.connections()
	r.timeouts()

	r.set("metadata.recovery.strategy", r.oneOf("metadata.recovery.strategy", "rebootstrap", true, "rebootstrap", "none"))
	trigger := r.integer("metadata.recovery.rebootstrap.trigger.ms", 300_000, 0, maxLong)
	r.setInt("metadata.recovery.rebootstrap.trigger.ms", "metadata.recovery.rebootstrap.trigger.ms", trigger, 0, maxInt)

	r.out.Network.MetricsPush = r.boolean("enable.metrics.push", r.role != Admin)
	r.setBool("enable.metrics.push", r.out.Network.MetricsPush)
	if r.role == Admin {
		r.out.Network.Retries = int(r.integer("retries", maxInt, 0, maxInt))
	}
}

// bootstrap reads host:port pairs. Java also takes "PLAINTEXT://host:port" and drops the scheme.
func (r *reader) bootstrap() {
	const name = "bootstrap.servers"
	var servers []string
	for _, entry := range r.list(name) {
		address := entry
		if _, rest, ok := strings.Cut(entry, "://"); ok {
			address = rest
		}
		host, port, ok := cutPort(address)
		if n, err := strconv.ParseUint(port, 10, 16); !ok || host == "" || err != nil || n == 0 {
			r.fail(invalid(name, entry, "must be a list of host:port separated by commas"))
			continue
		}
		servers = append(servers, address)
	}
	if len(servers) == 0 && len(r.errs) == 0 {
		r.fail(invalid(name, "", "is missing; give the brokers as host:port separated by commas"))
	}
	r.out.BootstrapServers = servers
	r.set(name, strings.Join(servers, ","))
}

// cutPort splits host:port; an IPv6 host stands in brackets.
func cutPort(address string) (host, port string, ok bool) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return "", "", false
	}
	host, port = address[:i], address[i+1:]
	if strings.HasPrefix(host, "[") != strings.HasSuffix(host, "]") || strings.Contains(host, ":") && host[0] != '[' {
		return "", "", false
	}
	return strings.Trim(host, "[]"), port, !strings.ContainsAny(host, " \t/@")
}

func (r *reader) connections() {
	n := &r.out.Network
	idleDefault := int64(540_000)
	if r.role == Admin {
		idleDefault = 300_000
	}
	idle := r.integer("connections.max.idle.ms", idleDefault, math.MinInt64, maxLong)
	n.ConnectionsMaxIdle = millis(idle)
	r.setInt("connections.max.idle.ms", "connections.max.idle.ms", max(idle, 0), 0, maxInt)

	// librdkafka's single set-up timeout covers TCP, TLS and SASL and equals Java's upper bound, so it stays unless given.
	setup := r.integer("socket.connection.setup.timeout.ms", 10_000, 0, maxLong)
	n.ConnectionSetupTimeout = millis(setup)
	if r.given("socket.connection.setup.timeout.ms") {
		r.setInt("socket.connection.setup.timeout.ms", "socket.connection.setup.timeout.ms", setup, 1000, maxInt)
	}

	backoff := r.integer("reconnect.backoff.ms", 50, 0, maxLong)
	backoffMax := r.integer("reconnect.backoff.max.ms", 1000, 0, maxLong)
	if r.given("reconnect.backoff.ms") && !r.given("reconnect.backoff.max.ms") {
		backoffMax = backoff // Java turns exponential backoff off here
	}
	backoffMax = max(backoff, backoffMax)
	n.ReconnectBackoff, n.ReconnectBackoffMax = millis(backoff), millis(backoffMax)
	r.setInt("reconnect.backoff.ms", "reconnect.backoff.ms", backoff, 0, 3_600_000)
	r.setInt("reconnect.backoff.max.ms", "reconnect.backoff.max.ms", backoffMax, 0, 3_600_000)

	// The operating system tunes socket buffers better than a fixed size does; Java's 32 to 128 KB apply only when asked for.
	n.SendBufferBytes = r.socketBuffer("send.buffer.bytes", "socket.send.buffer.bytes")
	n.ReceiveBufferBytes = r.socketBuffer("receive.buffer.bytes", "socket.receive.buffer.bytes")
}

func (r *reader) socketBuffer(name, rdk string) int {
	size := max(r.integer(name, -1, -1, maxInt), 0)
	if r.given(name) {
		r.setInt(name, rdk, size, 0, 100_000_000)
	}
	return int(size)
}

func (r *reader) timeouts() {
	n := &r.out.Network
	request := r.integer("request.timeout.ms", 30_000, 0, maxInt)
	n.RequestTimeout = millis(request)
	r.setInt("request.timeout.ms", "socket.timeout.ms", request, 10, 300_000)
	if r.role != Producer {
		n.DefaultAPITimeout = millis(r.integer("default.api.timeout.ms", 60_000, 0, maxInt))
	}

	backoff := r.integer("retry.backoff.ms", 100, 0, maxLong)
	backoffMax := r.integer("retry.backoff.max.ms", 1000, 0, maxLong)
	if backoff > backoffMax {
		r.warn("retry.backoff.ms", "is greater than retry.backoff.max.ms; the latter is used as a constant backoff")
		backoff = backoffMax
	}
	n.RetryBackoff, n.RetryBackoffMax = millis(backoff), millis(backoffMax)
	r.setInt("retry.backoff.ms", "retry.backoff.ms", backoff, 1, 300_000)
	r.setInt("retry.backoff.max.ms", "retry.backoff.max.ms", backoffMax, 1, 300_000)

	// Java's "max age" is the time after which metadata is fetched again: librdkafka's refresh interval. Its own
	// metadata.max.age.ms follows at three times that.
	age := r.integer("metadata.max.age.ms", 300_000, 0, maxLong)
	n.MetadataMaxAge = millis(age)
	r.setInt("metadata.max.age.ms", "topic.metadata.refresh.interval.ms", age, 10, 3_600_000)
}
