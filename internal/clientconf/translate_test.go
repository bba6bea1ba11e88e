package clientconf

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const jaasPlain = `org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="Hunter2";`

func with(pairs ...string) map[string]string {
	props := map[string]string{"bootstrap.servers": "b:9092"}
	for i := 0; i < len(pairs); i += 2 {
		props[pairs[i]] = pairs[i+1]
	}
	return props
}

func mustTranslate(t *testing.T, role Role, props map[string]string) *Settings {
	t.Helper()
	s, err := Translate(role, props, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDefaults pins what librdkafka is told when an operator says nothing: a change here changes every installation.
func TestDefaults(t *testing.T) {
	common := map[string]string{
		"bootstrap.servers": "b:9092", "security.protocol": "plaintext", "socket.timeout.ms": "30000",
		"reconnect.backoff.ms": "50", "reconnect.backoff.max.ms": "1000", "retry.backoff.ms": "100", "retry.backoff.max.ms": "1000",
		"topic.metadata.refresh.interval.ms": "300000", "connections.max.idle.ms": "540000",
		"metadata.recovery.strategy": "rebootstrap", "metadata.recovery.rebootstrap.trigger.ms": "300000", "enable.metrics.push": "true",
	}
	own := map[Role]map[string]string{
		Producer: {
			"acks": "-1", "enable.idempotence": "true", "max.in.flight.requests.per.connection": "5", "retries": "2147483647",
			"linger.ms": "5", "batch.size": "16384", "message.max.bytes": "1048576", "queue.buffering.max.kbytes": "8192",
			"compression.type": "none", "request.timeout.ms": "30000", "delivery.timeout.ms": "120000", "partitioner": "murmur2_random",
		},
		Consumer: {
			"auto.offset.reset": "latest", "enable.auto.commit": "true", "auto.commit.interval.ms": "5000", "isolation.level": "read_uncommitted",
			"check.crcs": "true", "allow.auto.create.topics": "true", "fetch.min.bytes": "1", "fetch.wait.max.ms": "500",
			"fetch.max.bytes": "52428800", "max.partition.fetch.bytes": "1048576", "fetch.error.backoff.ms": "100",
			"group.protocol": "classic", "session.timeout.ms": "45000", "heartbeat.interval.ms": "3000", "max.poll.interval.ms": "300000",
			"partition.assignment.strategy": "range",
		},
		Admin: {"connections.max.idle.ms": "300000", "enable.metrics.push": "false"},
	}
	for role, specific := range own {
		t.Run(role.String(), func(t *testing.T) {
			want := maps.Clone(common)
			maps.Copy(want, specific)
			s := mustTranslate(t, role, with())
			if diff := cmp.Diff(want, s.Librdkafka); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if len(s.Warnings) > 0 {
				t.Errorf("warnings: %v", s.Warnings)
			}
		})
	}
}

func TestLibrdkafkaSettings(t *testing.T) {
	tests := []struct {
		role  Role
		props map[string]string
		want  map[string]string // "" means absent
		warns []string
	}{
		{Producer, with("bootstrap.servers", "PLAINTEXT://a:1, [::1]:2,c:3,"), map[string]string{"bootstrap.servers": "a:1,[::1]:2,c:3"}, nil},
		{Producer, with("acks", " ALL "), map[string]string{"acks": "-1", "enable.idempotence": "true"}, nil},
		{Producer, with("acks", "1"), map[string]string{"acks": "1", "enable.idempotence": "false"}, nil},
		{Producer, with("retries", "0"), map[string]string{"retries": "0", "enable.idempotence": "false"}, nil},
		{Producer, with("max.in.flight.requests.per.connection", "6"), map[string]string{"enable.idempotence": "false"}, nil},
		{Producer, with("batch.size", "0", "linger.ms", "0"), map[string]string{"batch.size": "1", "linger.ms": "0"}, nil},
		{
			Producer, with("linger.ms", "1000000", "delivery.timeout.ms", "2000000"),
			map[string]string{"linger.ms": "900000"},
			[]string{"linger.ms"},
		},
		{Producer, with("max.request.size", "10485760"), map[string]string{"queue.buffering.max.kbytes": "20480"}, nil},
		{Producer, with("batch.size", "1048576"), map[string]string{"queue.buffering.max.kbytes": "16384"}, nil},
		{Producer, with("max.request.size", "104857600"), map[string]string{"queue.buffering.max.kbytes": "32768"}, nil},
		{Producer, with("buffer.memory", "1025"), map[string]string{"queue.buffering.max.kbytes": "2"}, nil},
		{Producer, with("compression.type", "lz4"), map[string]string{"compression.type": "lz4", "compression.level": ""}, nil},
		{Producer, with("compression.type", "lz4", "compression.lz4.level", "9"), map[string]string{"compression.level": ""}, nil},
		{
			Producer, with("compression.type", "lz4", "compression.lz4.level", "17"),
			map[string]string{"compression.level": "12"},
			[]string{"compression.lz4.level"},
		},
		{
			Producer, with("compression.type", "zstd", "compression.zstd.level", "-5"),
			map[string]string{"compression.level": "1"},
			[]string{"compression.zstd.level"},
		},
		{Producer, with("compression.type", "gzip", "compression.zstd.level", "6"), map[string]string{"compression.level": ""}, nil},
		{Producer, with("request.timeout.ms", "200000"), map[string]string{"delivery.timeout.ms": "200005", "socket.timeout.ms": "200000"}, nil},
		{Producer, with("delivery.timeout.ms", "2147483647"), map[string]string{"delivery.timeout.ms": "2147483647"}, nil},
		{
			Producer, with("transactional.id", "t"),
			map[string]string{"transactional.id": "t", "transaction.timeout.ms": "60000", "delivery.timeout.ms": "60000", "socket.timeout.ms": "30000"},
			nil,
		},
		{
			Producer, with("transactional.id", "t", "transaction.timeout.ms", "10000"),
			map[string]string{"delivery.timeout.ms": "10000", "socket.timeout.ms": "10000"},
			nil,
		},
		{Producer, with("partitioner.ignore.keys", "TRUE"), map[string]string{"partitioner": "random"}, nil},
		{
			Producer, with("partitioner.class", "com.acme.Mine"),
			map[string]string{"partitioner": "murmur2_random"},
			[]string{"partitioner.class"},
		},
		{
			Producer, with("partitioner.class", "org.apache.kafka.clients.producer.RoundRobinPartitioner"),
			map[string]string{"partitioner": "random"},
			[]string{"partitioner.class"},
		},
		{Producer, with("reconnect.backoff.ms", "300"), map[string]string{"reconnect.backoff.ms": "300", "reconnect.backoff.max.ms": "300"}, nil},
		{Producer, with("send.buffer.bytes", "-1"), map[string]string{"socket.send.buffer.bytes": "0"}, nil},
		{Producer, with("connections.max.idle.ms", "-1"), map[string]string{"connections.max.idle.ms": "0"}, nil},
		{Producer, with("metadata.recovery.strategy", "NONE"), map[string]string{"metadata.recovery.strategy": "none"}, nil},
		{Producer, with("librdkafka.linger.ms", "7", "linger.ms", "9"), map[string]string{"linger.ms": "7"}, nil},
		{Producer, with("group.id", "g", "no.such", "1"), map[string]string{"group.id": ""}, []string{"group.id", "no.such"}},
		{Producer, with("ssl.truststore.location", "x"), nil, []string{"ssl.truststore.location"}},
		{Producer, with("metadata.max.idle.ms", "7"), nil, []string{"metadata.max.idle.ms"}},
		{Producer, with("partitioner.availability.timeout.ms", "0", "metrics.num.samples", "9", "key.serializer", "x", "metrics.context.a", "b"), nil, nil},
		{Consumer, with("auto.offset.reset", "none"), map[string]string{"auto.offset.reset": "error"}, nil},
		{Consumer, with("isolation.level", "read_committed"), map[string]string{"isolation.level": "read_committed"}, nil},
		{Consumer, with("fetch.max.bytes", "5000"), map[string]string{"fetch.max.bytes": "5000", "message.max.bytes": "5000"}, nil},
		{Consumer, with("fetch.min.bytes", "0"), map[string]string{"fetch.min.bytes": "1"}, nil},
		{Consumer, with("retry.backoff.ms", "250"), map[string]string{"fetch.error.backoff.ms": "250"}, nil},
		{
			Consumer, with("group.protocol", "CONSUMER", "group.remote.assignor", "uniform"),
			map[string]string{"group.protocol": "consumer", "group.remote.assignor": "uniform", "session.timeout.ms": "", "heartbeat.interval.ms": "", "partition.assignment.strategy": ""},
			nil,
		},
		{
			Consumer, with("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"),
			map[string]string{"partition.assignment.strategy": "cooperative-sticky"},
			nil,
		},
		{
			Consumer, with("partition.assignment.strategy", "org.apache.kafka.clients.consumer.StickyAssignor,org.apache.kafka.clients.consumer.RoundRobinAssignor,x.RangeAssignor"),
			map[string]string{"partition.assignment.strategy": "roundrobin,range"},
			[]string{"partition.assignment.strategy"},
		},
		{
			Consumer, with("max.poll.interval.ms", "1000"),
			map[string]string{"max.poll.interval.ms": "45000"},
			[]string{"max.poll.interval.ms"},
		},
		{Consumer, with("group.instance.id", "i", "client.rack", "r"), map[string]string{"group.instance.id": "i", "client.rack": "r"}, nil},
		{Admin, with("retries", "3", "request.timeout.ms", "5000"), map[string]string{"socket.timeout.ms": "5000", "request.timeout.ms": ""}, nil},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.role, tt.props), func(t *testing.T) {
			s := mustTranslate(t, tt.role, tt.props)
			for name, want := range tt.want {
				if got := s.Librdkafka[name]; got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
			var warned []string
			for _, w := range s.Warnings {
				warned = append(warned, w.Property)
			}
			if !slices.Equal(warned, tt.warns) {
				t.Errorf("warnings %v, want %v", s.Warnings, tt.warns)
			}
		})
	}
}

func TestWrongValuesNamePropertyValueAndWhatIsAllowed(t *testing.T) {
	tests := []struct {
		role  Role
		props map[string]string
		want  []string
	}{
		{Producer, map[string]string{}, []string{"bootstrap.servers", "missing"}},
		{Producer, with("bootstrap.servers", "a"), []string{`"a"`, "host:port"}},
		{Producer, with("bootstrap.servers", "a:0"), []string{`"a:0"`}},
		{Producer, with("bootstrap.servers", "::1:9092"), []string{"host:port"}},
		{Producer, with("acks", "2"), []string{`"2"`, "acks", "all, -1, 0, 1"}},
		{Producer, with("linger.ms", "x"), []string{`"x"`, "linger.ms", "0 to"}},
		{Producer, with("batch.size", "-1"), []string{`"-1"`, "batch.size"}},
		{Producer, with("enable.idempotence", "yes"), []string{`"yes"`, "true or false"}},
		{Producer, with("enable.idempotence", "true", "acks", "1"), []string{"enable.idempotence", "acks must be all"}},
		{Producer, with("enable.idempotence", "true", "retries", "0"), []string{"retries must not be 0"}},
		{Producer, with("enable.idempotence", "false", "transactional.id", "t"), []string{"transactional.id", "enable.idempotence=true"}},
		{Producer, with("transactional.id", ""), []string{"transactional.id", "empty"}},
		{Producer, with("delivery.timeout.ms", "10"), []string{"delivery.timeout.ms", "30005"}},
		{Producer, with("compression.type", "LZ4"), []string{`"LZ4"`, "none, gzip, snappy, lz4, zstd"}},
		{Producer, with("compression.gzip.level", "0"), []string{"compression.gzip.level", "1 to 9"}},
		{Producer, with("security.protocol", "TLS"), []string{`"TLS"`, "SASL_SSL"}},
		{Producer, with("security.protocol", "SASL_SSL"), []string{"sasl.mechanism", "GSSAPI", "PLAIN"}},
		{Producer, with("security.protocol", "SASL_SSL", "sasl.mechanism", "GSSAPI"), []string{"not supported"}},
		{Producer, with("security.protocol", "SASL_SSL", "sasl.mechanism", "AWS_MSK_IAM"), []string{`"AWS_MSK_IAM"`, "OAUTHBEARER"}},
		{Producer, with("security.protocol", "SASL_SSL", "sasl.mechanism", "PLAIN"), []string{"sasl.jaas.config", "missing"}},
		{Producer, with("security.protocol", "SASL_SSL", "sasl.mechanism", "PLAIN", "sasl.jaas.config", "a.B required;"), []string{"sasl.jaas.config", "PlainLoginModule"}},
		{Producer, with("security.protocol", "SSL", "ssl.protocol", "SSLv3"), []string{`"SSLv3"`, "TLSv1.2"}},
		{Producer, with("security.protocol", "SSL", "ssl.enabled.protocols", "TLSv1.1"), []string{"ssl.enabled.protocols"}},
		{Producer, with("security.protocol", "SSL", "ssl.cipher.suites", "TLS_RSA_WITH_NULL_MD5"), []string{"ssl.cipher.suites"}},
		{Producer, with("security.protocol", "SSL", "ssl.endpoint.identification.algorithm", "LDAPS"), []string{`"LDAPS"`, "https"}},
		{Consumer, with("auto.offset.reset", "by_duration:PT1H"), []string{"by_duration", "earliest"}},
		{Consumer, with("auto.offset.reset", "first"), []string{`"first"`}},
		{Consumer, with("group.protocol", "consumer", "session.timeout.ms", "9000"), []string{"session.timeout.ms", "group.protocol=consumer"}},
		{Consumer, with("group.remote.assignor", "uniform"), []string{"group.remote.assignor"}},
		{Consumer, with("heartbeat.interval.ms", "45000"), []string{"heartbeat.interval.ms", "session.timeout.ms"}},
		{Consumer, with("partition.assignment.strategy", "x.StickyAssignor"), []string{"partition.assignment.strategy", "RangeAssignor"}},
		{Consumer, with("group.instance.id", ""), []string{"group.instance.id"}},
		{Consumer, with("librdkafka.", "x"), []string{"librdkafka."}},
		{Role(9), with(), []string{"role"}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.role, tt.props), func(t *testing.T) {
			s, err := Translate(tt.role, tt.props, nil)
			if err == nil || s != nil {
				t.Fatalf("got %v, %v", s, err)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q lacks %q", err, part)
				}
			}
		})
	}
}

func TestEveryErrorIsListed(t *testing.T) {
	_, err := Translate(Producer, with("acks", "5", "linger.ms", "x"), nil)
	var property *PropertyError
	if !errors.As(err, &property) || !strings.Contains(err.Error(), "linger.ms") || !strings.Contains(err.Error(), "acks") {
		t.Fatal(err)
	}
}

// TestTranslatedPropertiesHaveAnEffect changes each translated property and wants a difference in the settings: a verdict
// "translated" that no code stands behind would be a silent drop.
func TestTranslatedPropertiesHaveAnEffect(t *testing.T) {
	pem := func(name string) string {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	tls := []string{"security.protocol", "SSL"}
	store := append(slices.Clone(tls), "ssl.keystore.location", "testdata/client.jks", "ssl.keystore.password", "changeit", "ssl.key.password", "keypass")
	trust := append(slices.Clone(tls), "ssl.truststore.location", "testdata/trust.jks", "ssl.truststore.password", "changeit")
	oauth := []string{
		"security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", "OAUTHBEARER", "sasl.oauthbearer.token.endpoint.url", "https://idp/t",
		"sasl.oauthbearer.client.credentials.client.id", "i", "sasl.oauthbearer.client.credentials.client.secret", "s",
	}
	sasl := []string{"security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", "PLAIN", "sasl.jaas.config", jaasPlain}
	type change struct {
		base  []string
		value string
		fails bool // the effect is a refusal
	}
	changes := map[string]change{
		"acks": {value: "1"}, "auto.offset.reset": {value: "earliest"}, "bootstrap.servers": {value: "c:1"},
		"client.dns.lookup": {value: "use_all_dns_ips"}, "client.id": {value: "x"}, "client.rack": {value: "x"},
		"compression.gzip.level": {[]string{"compression.type", "gzip"}, "2", false},
		"compression.lz4.level":  {[]string{"compression.type", "lz4"}, "2", false},
		"compression.zstd.level": {[]string{"compression.type", "zstd"}, "2", false},
		"compression.type":       {value: "gzip"}, "group.id": {value: "x"}, "group.instance.id": {value: "x"},
		"group.protocol": {value: "consumer"}, "group.remote.assignor": {[]string{"group.protocol", "consumer"}, "x", false},
		"isolation.level": {value: "read_committed"}, "metadata.recovery.strategy": {value: "none"},
		"partition.assignment.strategy": {value: "x.RoundRobinAssignor"},
		"partitioner.class":             {value: "org.apache.kafka.clients.producer.RoundRobinPartitioner"},
		"security.protocol":             {value: "SSL"}, "transactional.id": {value: "x"},
		"transaction.timeout.ms":             {value: "7000"},
		"socket.connection.setup.timeout.ms": {value: "7000"}, "delivery.timeout.ms": {value: "70000"},
		"sasl.mechanism":                                    {sasl, "SCRAM-SHA-512", false},
		"sasl.jaas.config":                                  {sasl, strings.ReplaceAll(jaasPlain, "alice", "bob"), false},
		"sasl.login.callback.handler.class":                 {oauth, "x.Mine", true},
		"sasl.oauthbearer.jwt.retriever.class":              {oauth, "x.Mine", true},
		"sasl.login.connect.timeout.ms":                     {oauth, "7", false},
		"sasl.login.read.timeout.ms":                        {oauth, "7", false},
		"sasl.login.retry.backoff.ms":                       {oauth, "7", false},
		"sasl.login.retry.backoff.max.ms":                   {oauth, "7", false},
		"sasl.oauthbearer.client.credentials.client.id":     {oauth, "j", false},
		"sasl.oauthbearer.client.credentials.client.secret": {oauth, "t", false},
		"sasl.oauthbearer.header.urlencode":                 {oauth, "true", false},
		"sasl.oauthbearer.scope":                            {oauth, "s", false},
		"sasl.oauthbearer.token.endpoint.url":               {oauth, "https://idp/other", false},
		"ssl.cipher.suites":                                 {tls, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", false},
		"ssl.enabled.protocols":                             {tls, "TLSv1.3", false},
		"ssl.endpoint.identification.algorithm":             {tls, "", false},
		"ssl.protocol":                                      {tls, "SSLv3", true},
		"ssl.keystore.location":                             {store, "testdata/none.jks", true},
		"ssl.keystore.password":                             {store, "wrong", true},
		"ssl.key.password":                                  {store, "wrong", true},
		"ssl.keystore.type":                                 {store, "PEM", true},
		"ssl.truststore.location":                           {trust, "testdata/client.pem", true},
		"ssl.truststore.password":                           {trust, "wrong", true},
		"ssl.truststore.type":                               {trust, "PEM", true},
		"ssl.truststore.certificates":                       {append(slices.Clone(tls), "ssl.truststore.type", "PEM"), pem("ca.pem"), false},
		"ssl.keystore.certificate.chain":                    {append(slices.Clone(tls), "ssl.keystore.type", "PEM", "ssl.keystore.key", pem("client-key.pem"), "ssl.keystore.certificate.chain", pem("client.pem")), pem("client.pem") + pem("ca.pem"), false},
		"ssl.keystore.key":                                  {append(slices.Clone(tls), "ssl.keystore.type", "PEM", "ssl.keystore.key", pem("client-key.pem"), "ssl.keystore.certificate.chain", pem("client.pem")), pem("ca-key.pem"), true},
	}
	for _, p := range javaProperties {
		if p.verdict != translated {
			continue
		}
		for _, role := range []Role{Producer, Consumer, Admin} {
			if !p.roles.has(role) {
				continue
			}
			c, listed := changes[p.name]
			before := mustTranslate(t, role, with(c.base...))
			candidates := []string{c.value}
			if !listed {
				candidates = []string{"false", "true", "7000"} // booleans and numbers
			}
			if !slices.ContainsFunc(candidates, func(value string) bool {
				after, err := Translate(role, with(append(slices.Clone(c.base), p.name, value)...), os.ReadFile)
				if c.fails || err != nil {
					return c.fails && err != nil
				}
				after.Warnings = before.Warnings
				return !reflect.DeepEqual(before, after)
			}) {
				t.Errorf("%v: %s has no effect", role, p.name)
			}
		}
	}
}

func TestNeutralSettings(t *testing.T) {
	s := mustTranslate(t, Producer, with("max.block.ms", fmt.Sprint(int64(math.MaxInt64)), "linger.ms", "20"))
	if s.Producer.MaxBlock != math.MaxInt64 || s.Producer.Linger != 20*time.Millisecond {
		t.Errorf("%+v", s.Producer)
	}
	c := mustTranslate(t, Consumer, with("max.poll.records", "7", "exclude.internal.topics", "false", "default.api.timeout.ms", "9000"))
	if c.Consumer.MaxPollRecords != 7 || c.Consumer.ExcludeInternalTopics || c.Network.DefaultAPITimeout != 9*time.Second {
		t.Errorf("%+v %+v", c.Consumer, c.Network)
	}
}

func FuzzTranslate(f *testing.F) {
	f.Add(uint8(1), "linger.ms", "5", "security.protocol", "SASL_SSL")
	f.Add(uint8(2), "auto.offset.reset", "by_duration:PT1H", "bootstrap.servers", "[::1]:9")
	f.Add(uint8(3), "bootstrap.servers", ":", "connections.max.idle.ms", "-9223372036854775808")
	f.Fuzz(func(t *testing.T, role uint8, k1, v1, k2, v2 string) {
		s, err := Translate(Role(role), with(k1, v1, k2, v2), nil)
		if (s == nil) == (err == nil) {
			t.Fatalf("%v, %v", s, err)
		}
	})
}
