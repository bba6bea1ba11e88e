package clientconf

import (
	"fmt"
	"time"
)

// Role says which Java client the properties were written for; the three have different keys and defaults.
type Role uint8

const (
	Producer Role = iota + 1
	Consumer
	Admin
)

// String is the role's lower-case name, which is also its prefix in worker files.
func (r Role) String() string {
	switch r {
	case Producer:
		return "producer"
	case Consumer:
		return "consumer"
	case Admin:
		return "admin"
	default:
		return fmt.Sprintf("role(%d)", uint8(r))
	}
}

// ReadFile returns the bytes of a key store or PEM file that a property names; os.ReadFile fits.
type ReadFile func(path string) ([]byte, error)

// Secret is a password or key. It prints as "[hidden]", so that a settings value can be logged.
type Secret string

func (Secret) String() string   { return Hidden }
func (Secret) GoString() string { return Hidden }

// MarshalText keeps secrets out of JSON as well.
func (Secret) MarshalText() ([]byte, error) { return []byte(Hidden), nil }

// Reveal returns the secret itself, for the client that must send it.
func (s Secret) Reveal() string { return string(s) }

// Warning tells that a property was given but does nothing, or not quite what Java does. To be logged once.
type Warning struct {
	Property string
	Reason   string
}

func (w Warning) String() string { return w.Property + ": " + w.Reason }

// Settings is one client's configuration, understood and checked.
type Settings struct {
	Role Role
	// Librdkafka holds the settings to give to librdkafka, among them secrets: print it through [Redact] only.
	Librdkafka map[string]string
	// Warnings are sorted by property.
	Warnings []Warning

	BootstrapServers []string
	ClientID         string // empty: not given
	TLS              *TLS   // nil: plain text
	SASL             *SASL  // nil: no authentication
	Network          Network
	Producer         *ProducerSettings // only for Role Producer
	Consumer         *ConsumerSettings // only for Role Consumer
}

// Network holds what all clients have in common. Zero means: not given, use the client's own default.
type Network struct {
	RequestTimeout         time.Duration // request.timeout.ms, Java: 30 s
	DefaultAPITimeout      time.Duration // default.api.timeout.ms, Java: 60 s (consumer, admin); bounds calls made by the runner
	ConnectionSetupTimeout time.Duration // socket.connection.setup.timeout.ms, Java: 10 s
	ConnectionsMaxIdle     time.Duration // connections.max.idle.ms; negative: never close
	MetadataMaxAge         time.Duration // metadata.max.age.ms, Java: 5 min
	ReconnectBackoff       time.Duration
	ReconnectBackoffMax    time.Duration
	RetryBackoff           time.Duration
	RetryBackoffMax        time.Duration
	SendBufferBytes        int // 0: the operating system decides
	ReceiveBufferBytes     int // 0: the operating system decides
	Retries                int // admin only
	MetricsPush            bool
}

// ProducerSettings is what only producers have.
type ProducerSettings struct {
	Acks                  int // -1 is all
	Linger                time.Duration
	BatchSize             int
	MaxRequestSize        int
	BufferMemory          int64
	Compression           string // none, gzip, snappy, lz4, zstd
	CompressionLevel      int    // -1: the codec's default
	DeliveryTimeout       time.Duration
	Retries               int
	MaxInFlight           int
	Idempotence           bool
	MaxBlock              time.Duration // how long the runner waits for space in a full queue or for metadata
	IgnoreKeys            bool          // partitioner.ignore.keys
	TransactionalID       string        // empty: not transactional
	TransactionTimeout    time.Duration
	LibrdkafkaPartitioner string
}

// ConsumerSettings is what only consumers have.
type ConsumerSettings struct {
	GroupID                string
	GroupInstanceID        string
	GroupProtocol          string // classic or consumer
	GroupRemoteAssignor    string
	Rack                   string
	Assignors              []string // range, roundrobin or cooperative-sticky, in order of preference
	AutoOffsetReset        string   // earliest, latest or none
	EnableAutoCommit       bool
	AutoCommitInterval     time.Duration
	MaxPollRecords         int // how many records the runner hands on at a time
	MaxPollInterval        time.Duration
	SessionTimeout         time.Duration
	HeartbeatInterval      time.Duration
	FetchMinBytes          int
	FetchMaxBytes          int
	FetchMaxWait           time.Duration
	MaxPartitionFetchBytes int
	ReadCommitted          bool
	CheckCRCs              bool
	AllowAutoCreateTopics  bool
	ExcludeInternalTopics  bool // whether a topic pattern skips Kafka's own topics
}

// TLS is the material of an encrypted connection. PEM strings hold certificates in order, leaf first; the key is
// unencrypted PKCS#8.
type TLS struct {
	RootsPEM       string // empty: the system's certificate authorities
	CertificatePEM string // empty: no client certificate
	KeyPEM         Secret
	VerifyHostname bool // the certificate chain is verified in any case
	MinVersion     uint16
	MaxVersion     uint16
	CipherSuites   []uint16 // up to TLS 1.2; empty: the client's default
}

// SASL is one mechanism and its credentials.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER
	Username  string
	Password  Secret
	OAuth     *OAuth // for OAUTHBEARER
}

// OAuth says where bearer tokens come from: Unsecured, or the client credentials grant at TokenEndpoint.
type OAuth struct {
	TokenEndpoint   string // http or https URL
	ClientID        string
	ClientSecret    Secret
	Scope           string
	URLEncode       bool              // whether id and secret are URL-encoded in the Authorization header
	Extensions      map[string]string // SASL extensions
	ConnectTimeout  time.Duration     // 0: not given
	ReadTimeout     time.Duration     // 0: not given
	RetryBackoff    time.Duration
	RetryBackoffMax time.Duration
	Unsecured       *UnsecuredToken
}

// UnsecuredToken describes a JWT without signature (alg none), for development only.
type UnsecuredToken struct {
	PrincipalClaim string // "sub" by default
	ScopeClaim     string // "scope" by default
	Lifetime       time.Duration
	Strings        map[string]string
	Numbers        map[string]float64
	Lists          map[string][]string
}
