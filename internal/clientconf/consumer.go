package clientconf

import (
	"strconv"
	"strings"
)

func (r *reader) consumer() {
	c := &ConsumerSettings{}
	r.out.Consumer = c
	r.fetching(c)
	r.offsets(c)
	r.group(c)

	c.Rack = r.text("client.rack")
	if c.Rack != "" {
		r.set("client.rack", c.Rack)
	}
	c.AllowAutoCreateTopics = r.boolean("allow.auto.create.topics", true)
	r.setBool("allow.auto.create.topics", c.AllowAutoCreateTopics)
	c.ExcludeInternalTopics = r.boolean("exclude.internal.topics", true)
	c.MaxPollRecords = int(r.integer("max.poll.records", 500, 1, maxInt))
	// A fetch that failed is tried again after retry.backoff.ms in Java; librdkafka has a setting of its own for it.
	r.set("fetch.error.backoff.ms", r.out.Librdkafka["retry.backoff.ms"])
}

func (r *reader) fetching(c *ConsumerSettings) {
	c.FetchMinBytes = int(r.integer("fetch.min.bytes", 1, 0, maxInt))
	r.setInt("fetch.min.bytes", "fetch.min.bytes", int64(max(c.FetchMinBytes, 1)), 1, 100_000_000)

	wait := r.integer("fetch.max.wait.ms", 500, 0, maxInt)
	c.FetchMaxWait = millis(wait)
	r.setInt("fetch.max.wait.ms", "fetch.wait.max.ms", wait, 0, 300_000)

	perPartition := r.integer("max.partition.fetch.bytes", 1_048_576, 0, maxInt)
	c.MaxPartitionFetchBytes = int(perPartition)
	r.setInt("max.partition.fetch.bytes", "max.partition.fetch.bytes", perPartition, 1, 1_000_000_000)

	const messageMax, least = 1_000_000, 1000 // librdkafka's message.max.bytes: its default and its least
	total := r.integer("fetch.max.bytes", 52_428_800, 0, maxInt)
	c.FetchMaxBytes = int(total)
	total = r.setInt("fetch.max.bytes", "fetch.max.bytes", total, least, 2_147_483_135)
	if total < messageMax {
		// librdkafka refuses to fetch less than its largest message; the broker sends an oversized first batch anyhow.
		r.set("message.max.bytes", strconv.FormatInt(total, 10))
	}

	c.CheckCRCs = r.boolean("check.crcs", true)
	r.setBool("check.crcs", c.CheckCRCs)
	level := r.oneOf("isolation.level", "read_uncommitted", true, "read_committed", "read_uncommitted")
	c.ReadCommitted = level == "read_committed"
	r.set("isolation.level", level)
}

func (r *reader) offsets(c *ConsumerSettings) {
	reset := r.textOr("auto.offset.reset", "latest")
	switch lower := strings.ToLower(reset); {
	case lower == "earliest" || lower == "latest":
		c.AutoOffsetReset = lower
		r.set("auto.offset.reset", lower)
	case lower == "none":
		c.AutoOffsetReset = lower
		r.set("auto.offset.reset", "error")
	case strings.HasPrefix(lower, "by_duration:"):
		r.fail(invalid("auto.offset.reset", reset, "by_duration is not supported; use earliest, latest or none"))
	default:
		r.fail(invalid("auto.offset.reset", reset, "must be one of earliest, latest, none"))
	}

	c.EnableAutoCommit = r.boolean("enable.auto.commit", true)
	r.setBool("enable.auto.commit", c.EnableAutoCommit)
	interval := r.integer("auto.commit.interval.ms", 5000, 0, maxInt)
	c.AutoCommitInterval = millis(interval)
	r.setInt("auto.commit.interval.ms", "auto.commit.interval.ms", interval, 0, 86_400_000)
}

func (r *reader) group(c *ConsumerSettings) {
	c.GroupID = r.text("group.id")
	if c.GroupID != "" {
		r.set("group.id", c.GroupID)
	}
	if r.given("group.instance.id") {
		c.GroupInstanceID = r.text("group.instance.id")
		if c.GroupInstanceID == "" {
			r.fail(invalid("group.instance.id", "", "must not be empty; leave it out for dynamic membership"))
		}
		r.set("group.instance.id", c.GroupInstanceID)
	}
	c.GroupProtocol = r.oneOf("group.protocol", "classic", true, "classic", "consumer")
	r.set("group.protocol", c.GroupProtocol)

	session := r.integer("session.timeout.ms", 45_000, 1, maxInt)
	heartbeat := r.integer("heartbeat.interval.ms", 3000, 1, maxInt)
	poll := r.integer("max.poll.interval.ms", 300_000, 1, maxInt)
	c.SessionTimeout, c.HeartbeatInterval, c.MaxPollInterval = millis(session), millis(heartbeat), millis(poll)
	c.Assignors = r.assignors()
	if c.GroupProtocol == "consumer" {
		r.newProtocol(c, poll)
		return
	}
	if r.given("group.remote.assignor") {
		r.fail(invalid("group.remote.assignor", r.text("group.remote.assignor"), "needs group.protocol=consumer"))
	}
	if heartbeat >= session {
		r.fail(invalid("heartbeat.interval.ms", strconv.FormatInt(heartbeat, 10),
			"must be less than session.timeout.ms, here %d", session))
	}
	session = r.setInt("session.timeout.ms", "session.timeout.ms", session, 1, 3_600_000)
	r.setInt("heartbeat.interval.ms", "heartbeat.interval.ms", heartbeat, 1, 3_600_000)
	if poll < session {
		if r.given("max.poll.interval.ms") {
			r.warn("max.poll.interval.ms", "librdkafka wants at least session.timeout.ms; "+strconv.FormatInt(session, 10)+" is used")
		}
		r.set("max.poll.interval.ms", strconv.FormatInt(session, 10))
	} else {
		r.setInt("max.poll.interval.ms", "max.poll.interval.ms", poll, 1, 86_400_000)
	}
	r.set("partition.assignment.strategy", strings.Join(c.Assignors, ","))
}

// newProtocol is KIP-848: the broker owns the timeouts and the assignor, and both clients refuse to be told otherwise.
func (r *reader) newProtocol(c *ConsumerSettings, poll int64) {
	for _, name := range []string{"session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"} {
		if r.given(name) {
			r.fail(invalid(name, r.text(name), "can't be set with group.protocol=consumer; the broker decides it"))
		}
	}
	r.setInt("max.poll.interval.ms", "max.poll.interval.ms", poll, 1, 86_400_000)
	if c.GroupRemoteAssignor = r.text("group.remote.assignor"); c.GroupRemoteAssignor != "" {
		r.set("group.remote.assignor", c.GroupRemoteAssignor)
	}
}

// assignors maps Java's assignor classes. librdkafka can't offer eager and cooperative ones together, as Java's default
// list does; the eager ones are kept then, since that is also what Java's members agree on until all have changed over.
func (r *reader) assignors() []string {
	const name = "partition.assignment.strategy"
	var eager, cooperative []string
	for _, class := range r.list(name) {
		switch short := class[strings.LastIndexByte(class, '.')+1:]; short {
		case "RangeAssignor", "range":
			eager = append(eager, "range")
		case "RoundRobinAssignor", "roundrobin":
			eager = append(eager, "roundrobin")
		case "CooperativeStickyAssignor", "cooperative-sticky":
			cooperative = append(cooperative, "cooperative-sticky")
		default:
			r.warn(name, "no counterpart: "+class+"; known are RangeAssignor, RoundRobinAssignor, CooperativeStickyAssignor")
		}
	}
	switch {
	case len(eager) > 0:
		return eager
	case len(cooperative) > 0:
		return cooperative[:1]
	case r.given(name):
		r.fail(invalid(name, r.text(name), "must name at least one of RangeAssignor, RoundRobinAssignor, CooperativeStickyAssignor"))
	}
	return []string{"range"}
}
