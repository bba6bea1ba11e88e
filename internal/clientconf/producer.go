package clientconf

import (
	"strconv"
	"strings"
)

func (r *reader) producer() {
	p := &ProducerSettings{}
	r.out.Producer = p
	r.acksAndIdempotence(p)
	r.batching(p)
	r.compression(p)
	r.delivery(p)
	r.transactions(p)
	r.partitioner(p)
	// Long.MAX_VALUE, which Connect sets, becomes the longest Duration.
	p.MaxBlock = millis(r.integer("max.block.ms", 60_000, 0, maxLong))
}

// acksAndIdempotence follows ProducerConfig.postProcessAndValidateIdempotenceConfigs: idempotence is on unless something
// rules it out; if it was asked for by name, what rules it out is an error instead.
func (r *reader) acksAndIdempotence(p *ProducerSettings) {
	acks := r.oneOf("acks", "all", true, "all", "-1", "0", "1")
	if acks == "all" {
		acks = "-1"
	}
	p.Acks, _ = strconv.Atoi(acks)
	r.set("acks", acks)

	p.Retries = int(r.integer("retries", maxInt, 0, maxInt))
	r.setInt("retries", "retries", int64(p.Retries), 0, maxInt)
	inFlight := r.integer("max.in.flight.requests.per.connection", 5, 1, maxInt)
	p.MaxInFlight = int(inFlight)
	r.setInt("max.in.flight.requests.per.connection", "max.in.flight.requests.per.connection", inFlight, 1, 1_000_000)

	p.Idempotence = r.boolean("enable.idempotence", true)
	conflict := ""
	switch {
	case p.Retries == 0:
		conflict = "retries must not be 0"
	case p.Acks != -1:
		conflict = "acks must be all"
	case p.MaxInFlight > 5:
		conflict = "max.in.flight.requests.per.connection must be at most 5"
	}
	if p.Idempotence && conflict != "" {
		if r.given("enable.idempotence") {
			r.fail(invalid("enable.idempotence", "true", "%s for an idempotent producer", conflict))
		}
		p.Idempotence = false
	}
	r.setBool("enable.idempotence", p.Idempotence)
}

func (r *reader) batching(p *ProducerSettings) {
	linger := r.integer("linger.ms", 5, 0, maxLong)
	linger = r.setInt("linger.ms", "linger.ms", linger, 0, 900_000)
	p.Linger = millis(linger)

	size := r.integer("batch.size", 16_384, 0, maxInt)
	p.BatchSize = int(size)
	r.set("batch.size", strconv.FormatInt(max(size, 1), 10)) // 0 turns batching off in Java; 1 does in librdkafka

	request := r.integer("max.request.size", 1_048_576, 0, maxInt)
	p.MaxRequestSize = int(request)
	r.setInt("max.request.size", "message.max.bytes", request, 1000, 1_000_000_000)

	p.BufferMemory = r.integer("buffer.memory", ownBufferMemory(size, request), 0, maxLong)
	kilobytes := p.BufferMemory / 1024
	if p.BufferMemory%1024 != 0 {
		kilobytes++
	}
	r.setInt("buffer.memory", "queue.buffering.max.kbytes", max(kilobytes, 1), 1, maxInt)
}

// Bounds of buffer.memory where it is not given. Java's default is the upper one.
const (
	leastBufferMemory = 8 << 20
	mostBufferMemory  = 32 << 20
)

// ownBufferMemory is what a producer may have waiting when the operator says nothing: enough for some batches of many
// partitions and for two of the largest records. librdkafka counts payload only, so Java's 32 MB would be far more here.
func ownBufferMemory(batch, request int64) int64 {
	return min(max(leastBufferMemory, 16*min(batch, mostBufferMemory), 2*min(request, mostBufferMemory)), mostBufferMemory)
}

// compression picks the level of the codec in use; levels of other codecs are checked and otherwise without effect, as
// in Java. Java's lz4 level 9 means the fast compressor, which is librdkafka's default.
func (r *reader) compression(p *ProducerSettings) {
	p.Compression = r.oneOf("compression.type", "none", false, "none", "gzip", "snappy", "lz4", "zstd")
	r.set("compression.type", p.Compression)

	gzip := r.integer("compression.gzip.level", -1, -1, 9)
	if gzip == 0 {
		r.fail(invalid("compression.gzip.level", "0", "must be -1 or a whole number from 1 to 9"))
	}
	lz4 := r.integer("compression.lz4.level", 9, 1, 17)
	zstd := r.integer("compression.zstd.level", 3, -131_072, 22)

	level, chosen := int64(-1), false
	switch p.Compression {
	case "gzip":
		level, chosen = gzip, gzip != -1
	case "lz4":
		level, chosen = lz4, lz4 != 9
	case "zstd":
		level, chosen = zstd, zstd != 3
	}
	p.CompressionLevel = -1
	if chosen {
		name := "compression." + p.Compression + ".level"
		p.CompressionLevel = int(r.setInt(name, "compression.level", level, 1, 12))
	}
}

// delivery follows KafkaProducer.configureDeliveryTimeout: delivery takes at least linger and one request.
func (r *reader) delivery(p *ProducerSettings) {
	request := r.out.Network.RequestTimeout.Milliseconds()
	r.setInt("request.timeout.ms", "request.timeout.ms", request, 1, 900_000)

	delivery := r.integer("delivery.timeout.ms", 120_000, 0, maxInt)
	least := min(p.Linger.Milliseconds()+request, maxInt)
	if delivery < least {
		if r.given("delivery.timeout.ms") {
			r.fail(invalid("delivery.timeout.ms", r.text("delivery.timeout.ms"),
				"must be at least linger.ms + request.timeout.ms, here %d", least))
		}
		delivery = least
	}
	// 0 would mean "for ever" to librdkafka, and it wants more than linger.ms.
	delivery = max(delivery, p.Linger.Milliseconds()+1)
	p.DeliveryTimeout = millis(delivery)
	r.setInt("delivery.timeout.ms", "delivery.timeout.ms", delivery, 1, maxInt)
}

// transactions also bends two timeouts that librdkafka wants within the transaction's: Java has no such rule, so this is
// not worth a warning.
func (r *reader) transactions(p *ProducerSettings) {
	timeout := r.integer("transaction.timeout.ms", 60_000, 1, maxInt)
	p.TransactionTimeout = millis(timeout)
	if !r.given("transactional.id") {
		return
	}
	p.TransactionalID = r.text("transactional.id")
	switch {
	case p.TransactionalID == "":
		r.fail(invalid("transactional.id", "", "must not be empty; leave it out for a producer without transactions"))
	case !p.Idempotence:
		r.fail(invalid("transactional.id", p.TransactionalID, "needs enable.idempotence=true"))
	}
	r.set("transactional.id", p.TransactionalID)
	timeout = r.setInt("transaction.timeout.ms", "transaction.timeout.ms", timeout, 1000, maxInt)

	if p.DeliveryTimeout.Milliseconds() > timeout {
		r.set("delivery.timeout.ms", strconv.FormatInt(timeout, 10))
	}
	if r.out.Network.RequestTimeout.Milliseconds() > timeout {
		r.set("socket.timeout.ms", strconv.FormatInt(min(timeout, 300_000), 10))
	}
}

// partitioner always chooses murmur2 over the key, as Java's default partitioner does: compaction and readers depend on
// one key staying in one partition across both clients.
func (r *reader) partitioner(p *ProducerSettings) {
	p.LibrdkafkaPartitioner = "murmur2_random"
	p.IgnoreKeys = r.boolean("partitioner.ignore.keys", false)
	if p.IgnoreKeys {
		p.LibrdkafkaPartitioner = "random"
	}
	switch class := r.textOr("partitioner.class", ""); {
	case class == "":
	case strings.HasSuffix(class, ".RoundRobinPartitioner"):
		r.warn("partitioner.class", "librdkafka has no round robin; partitions are drawn at random")
		p.LibrdkafkaPartitioner, p.IgnoreKeys = "random", true
	default:
		r.warn("partitioner.class", "no counterpart: Java classes can't be loaded; the default partitioner (murmur2) is used")
	}
	r.set("partitioner", p.LibrdkafkaPartitioner)
}
