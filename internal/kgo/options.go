package kgoclient

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/clientconf"
)

// Open opens a client with the options of s's role. It does not wait for a broker. log may be nil.
func Open(s *clientconf.Settings, log hclog.Logger) (*kgo.Client, error) {
	opts, err := Options(s, log)
	if err != nil {
		return nil, err
	}
	return kgo.NewClient(opts...)
}

// Options returns the franz-go options for a client of s's role: brokers, TLS, SASL, timeouts, and what producers or
// consumers need. It leaves out what consumes (topics, partitions) and group membership, for which see [GroupOptions].
// Values outside franz-go's limits are brought to the nearest one. log may be nil.
//
// The error is about TLS material only; clientconf has checked everything else.
func Options(s *clientconf.Settings, log hclog.Logger) ([]kgo.Opt, error) {
	dial, err := dialer(s)
	if err != nil {
		return nil, err
	}
	n := s.Network
	maxAge := clamp(n.MetadataMaxAge, 10*time.Millisecond, time.Hour)
	idle := n.ConnectionsMaxIdle
	if idle < 0 {
		idle = math.MaxInt64
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(s.BootstrapServers...),
		kgo.Dialer(dial),
		kgo.RequestTimeoutOverhead(clamp(n.RequestTimeout, 100*time.Millisecond, 15*time.Minute)),
		kgo.ConnIdleTimeout(clamp(idle, 100*time.Millisecond, 15*time.Minute)),
		kgo.MetadataMaxAge(maxAge),
		kgo.MetadataMinAge(min(maxAge, 2500*time.Millisecond)),
		kgo.RetryBackoffFn(backoff(n.RetryBackoff, n.RetryBackoffMax)),
	}
	if s.ClientID != "" {
		opts = append(opts, kgo.ClientID(s.ClientID))
	}
	if !n.MetricsPush {
		opts = append(opts, kgo.DisableClientMetrics())
	}
	if log != nil {
		opts = append(opts, kgo.WithLogger(Logger(log)))
	}
	if s.SASL != nil {
		opts = append(opts, kgo.SASL(mechanism(s.SASL)))
	}
	switch s.Role {
	case clientconf.Admin:
		if n.Retries < math.MaxInt32 {
			opts = append(opts, kgo.RequestRetries(n.Retries))
		}
	case clientconf.Producer:
		opts = append(opts, producerOptions(s.Producer, n)...)
	case clientconf.Consumer:
		opts = append(opts, consumerOptions(s.Consumer)...)
	}
	return opts, nil
}

// mostBytes is franz-go's default bound on a request and a response.
const mostBytes = 100 << 20

func producerOptions(p *clientconf.ProducerSettings, n clientconf.Network) []kgo.Opt {
	batch := clamp(p.MaxRequestSize, 512, 1<<30)
	opts := []kgo.Opt{
		kgo.AllowAutoTopicCreation(), // Java's producers always ask for it; the broker decides
		kgo.ProducerBatchMaxBytes(int32(batch)),
		kgo.BrokerMaxWriteBytes(int32(clamp(batch+1024, mostBytes, 1<<30))),
		kgo.ProducerLinger(clamp(p.Linger, 0, time.Minute)),
		kgo.MaxBufferedBytes(int(p.BufferMemory)),
		kgo.ProducerBatchCompression(codec(p)),
		kgo.RecordDeliveryTimeout(max(p.DeliveryTimeout, time.Second)),
		kgo.ProduceRequestTimeout(max(n.RequestTimeout, 100*time.Millisecond)),
		kgo.RecordPartitioner(kgo.UniformBytesPartitioner(max(p.BatchSize, 1), true, !p.IgnoreKeys, nil)),
	}
	switch p.Acks {
	case 0:
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()))
	case 1:
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()))
	default:
		opts = append(opts, kgo.RequiredAcks(kgo.AllISRAcks()))
	}
	if !p.Idempotence {
		opts = append(opts, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(p.MaxInFlight))
	}
	if p.Retries < math.MaxInt32 {
		opts = append(opts, kgo.RecordRetries(p.Retries))
	}
	if p.TransactionalID != "" {
		opts = append(opts, kgo.TransactionalID(p.TransactionalID), kgo.TransactionTimeout(p.TransactionTimeout))
	}
	return opts
}

func codec(p *clientconf.ProducerSettings) kgo.CompressionCodec {
	var c kgo.CompressionCodec
	switch p.Compression {
	case "gzip":
		c = kgo.GzipCompression()
	case "snappy":
		c = kgo.SnappyCompression()
	case "lz4":
		c = kgo.Lz4Compression()
	case "zstd":
		c = kgo.ZstdCompression()
	default:
		return kgo.NoCompression()
	}
	if p.CompressionLevel >= 0 {
		c = c.WithLevel(p.CompressionLevel)
	}
	return c
}

func consumerOptions(c *clientconf.ConsumerSettings) []kgo.Opt {
	fetch := clamp(c.FetchMaxBytes, 1, 1<<30)
	opts := []kgo.Opt{
		kgo.FetchMaxWait(max(c.FetchMaxWait, 10*time.Millisecond)),
		kgo.FetchMinBytes(int32(max(c.FetchMinBytes, 1))),
		kgo.FetchMaxBytes(int32(fetch)),
		kgo.BrokerMaxReadBytes(int32(clamp(fetch, mostBytes, 1<<30))),
		kgo.FetchMaxPartitionBytes(int32(clamp(c.MaxPartitionFetchBytes, 1, 1<<30))),
	}
	if c.ReadCommitted {
		opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	if c.Rack != "" {
		opts = append(opts, kgo.Rack(c.Rack))
	}
	if !c.CheckCRCs {
		opts = append(opts, kgo.DisableFetchCRCValidation())
	}
	if c.AllowAutoCreateTopics {
		opts = append(opts, kgo.AllowAutoTopicCreation())
	}
	switch c.AutoOffsetReset {
	case "earliest":
		opts = append(opts, kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	case "latest":
		opts = append(opts, kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()))
	case "none":
		opts = append(opts, kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	}
	return opts
}

// GroupOptions adds membership of s's consumer group, by the classic protocol. It returns nil when there is no group.
func GroupOptions(s *clientconf.Settings) []kgo.Opt {
	c := s.Consumer
	if c == nil || c.GroupID == "" {
		return nil
	}
	session := max(c.SessionTimeout, 100*time.Millisecond)
	opts := []kgo.Opt{
		kgo.ConsumerGroup(c.GroupID),
		kgo.SessionTimeout(session),
		kgo.HeartbeatInterval(min(c.HeartbeatInterval, session)),
		kgo.RebalanceTimeout(max(c.MaxPollInterval, 100*time.Millisecond)),
		kgo.Balancers(balancers(c.Assignors)...),
	}
	if c.GroupInstanceID != "" {
		opts = append(opts, kgo.InstanceID(c.GroupInstanceID))
	}
	if c.EnableAutoCommit {
		opts = append(opts, kgo.AutoCommitInterval(max(c.AutoCommitInterval, 100*time.Millisecond)))
	} else {
		opts = append(opts, kgo.DisableAutoCommit())
	}
	return opts
}

func balancers(names []string) []kgo.GroupBalancer {
	out := make([]kgo.GroupBalancer, 0, len(names))
	for _, name := range names {
		switch name {
		case "roundrobin":
			out = append(out, kgo.RoundRobinBalancer())
		case "cooperative-sticky":
			out = append(out, kgo.CooperativeStickyBalancer())
		default:
			out = append(out, kgo.RangeBalancer())
		}
	}
	return out
}

// Backoff gives how long to wait before the try after tries that failed: it doubles from least to most, give or take a fifth, as
// Java's clients do (KIP-580).
func Backoff(least, most time.Duration) func(tries int) time.Duration { return backoff(least, most) }

// backoff doubles from least to most, give or take a fifth, as Java's clients do (KIP-580).
func backoff(least, most time.Duration) func(int) time.Duration {
	return func(tries int) time.Duration {
		d := float64(least) * math.Pow(2, float64(max(tries-1, 0)))
		d = min(d, float64(most)) * (0.8 + 0.4*rand.Float64())
		return time.Duration(d)
	}
}

func clamp[T int | time.Duration](v, lo, hi T) T { return min(max(v, lo), hi) }
