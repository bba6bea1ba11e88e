package workerconf

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/rest/api"
)

const javaConverter = "org.apache.kafka.connect.json.JsonConverter"

// minimal returns the least a worker needs, changed by name-value pairs.
func minimal(pairs ...string) map[string]string {
	props := map[string]string{
		"bootstrap.servers": "b:9092", "group.id": "g", "config.storage.topic": "c", "offset.storage.topic": "o",
		"status.storage.topic": "s", "key.converter": javaConverter, "value.converter": javaConverter,
	}
	for i := 0; i < len(pairs); i += 2 {
		props[pairs[i]] = pairs[i+1]
	}
	return props
}

func parse(t *testing.T, pairs ...string) (*Config, []Warning) {
	t.Helper()
	c, warnings, err := Parse(minimal(pairs...))
	if err != nil {
		t.Fatal(err)
	}
	return c, warnings
}

func TestDefaults(t *testing.T) {
	c, warnings := parse(t)
	if len(warnings) > 0 {
		t.Errorf("warnings %v", warnings)
	}
	want := Config{
		BootstrapServers: []string{"b:9092"}, GroupID: "g",
		SessionTimeout: 10 * time.Second, HeartbeatInterval: 3 * time.Second, RebalanceTimeout: time.Minute,
		ScheduledRebalanceMaxDelay: 5 * time.Minute, WorkerSyncTimeout: 3 * time.Second, WorkerUnsyncBackoff: 5 * time.Minute,
		Protocol: ProtocolSessioned, ExactlyOnce: ExactlyOnceDisabled,
		SessionKeys:         SessionKeys{"HmacSHA256", 256, time.Hour, "HmacSHA256", []string{"HmacSHA256"}},
		ConfigTopic:         StorageTopic{"c", 1, 3, map[string]string{}},
		OffsetTopic:         StorageTopic{"o", 25, 3, map[string]string{}},
		StatusTopic:         StorageTopic{"s", 5, 3, map[string]string{}},
		OffsetFlushInterval: time.Minute, OffsetFlushTimeout: 5 * time.Second, TaskShutdownGracefulTimeout: 5 * time.Second,
		KeyConverter:        Converter{javaConverter, map[string]string{}},
		ValueConverter:      Converter{javaConverter, map[string]string{}},
		HeaderConverter:     Converter{"org.apache.kafka.connect.storage.SimpleHeaderConverter", map[string]string{}},
		TopicCreationEnable: true, TopicTrackingEnable: true, TopicTrackingAllowReset: true,
		ClientOverridePolicy: "All", ClientOverrideAllowlist: []string{}, MetadataMaxAge: 5 * time.Minute,
		REST: REST{
			Listeners: []Listener{{"http", "", 8083}}, HTTPS: map[string]string{}, AdminHTTPS: map[string]string{},
			advertisedProtocol: "http",
		},
	}
	got := *c
	got.Values, got.Raw = config.Values{}, nil
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(REST{}), cmp.AllowUnexported(config.Values{})); diff != "" {
		t.Error(diff)
	}
}

func TestStorageTopicSettings(t *testing.T) {
	c, warnings := parse(t, "offset.storage.partitions", "7", "offset.storage.replication.factor", "-1", "offset.storage.segment.bytes",
		"1024", "offset.storage.cleanup.policy", "delete", "config.storage.partitions", "9", "config.storage.min.insync.replicas", "2")
	want := StorageTopic{"o", 7, -1, map[string]string{"segment.bytes": "1024"}}
	if diff := cmp.Diff(want, c.OffsetTopic); diff != "" {
		t.Error(diff)
	}
	want = StorageTopic{"c", 1, 3, map[string]string{"min.insync.replicas": "2"}}
	if diff := cmp.Diff(want, c.ConfigTopic); diff != "" {
		t.Error(diff)
	}
	wantWarnings := []Warning{
		{"offset.storage.cleanup.policy", "Ignoring 'offset.storage.cleanup.policy=delete' setting, since compaction is always used"},
		{"config.storage.partitions", "Ignoring 'config.storage.partitions=9' setting, since config topic partitions is always 1"},
	}
	if diff := cmp.Diff(wantWarnings, warnings); diff != "" {
		t.Error(diff)
	}
}

func TestPropertySets(t *testing.T) {
	c, warnings := parse(t, "security.protocol", "SSL", "ssl.keystore.password", "s3cret", "producer.linger.ms", "5", "linger.ms", "7",
		"key.converter.schemas.enable", "false", "session.timeout.ms", "20000", "admin.retries", "3", "librdkafka.debug", "all")
	if len(warnings) > 0 {
		t.Error(warnings)
	}
	want := map[string]string{
		"bootstrap.servers": "b:9092", "security.protocol": "SSL", "ssl.keystore.password": "s3cret", "linger.ms": "7", "librdkafka.debug": "all",
	}
	if diff := cmp.Diff(want, c.ClientProps()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"linger.ms": "5"}, c.WithPrefix("producer.")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"schemas.enable": "false"}, c.KeyConverter.Settings); diff != "" {
		t.Error(diff)
	}
}

func TestWarnings(t *testing.T) {
	_, warnings := parse(t, "no.such.thing", "s3cret", "internal.key.converter.schemas.enable", "false", "plugin.path", "/usr/share/java,/usr/share/java",
		"producer.", "x", "offset.storage.topic", "c", "fetch.min.bytes", "1")
	var got []string
	for _, w := range warnings {
		got = append(got, w.String())
	}
	want := []string{
		"config.storage.topic and offset.storage.topic name the same topic c; each should have its own",
		`Configuration key "plugin.path" contains duplicate values. Duplicates will be removed. The original value is: [/usr/share/java, /usr/share/java], the updated value is: [/usr/share/java]`,
		"internal.key.converter.schemas.enable has no effect since Kafka 3.0: internal data are JSON without schemas",
		"no.such.thing is not a known property and has no effect",
		"plugin.path has no effect: plugins are compiled in",
		"producer. is not a known property and has no effect",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The texts up to the last part are those of a Java worker where Java has a check.
func TestFaults(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"group.id", "", "configuration group.id: String must be non-empty"},
		{"bootstrap.servers", "", "Configuration 'bootstrap.servers' must not be empty. Valid values include: any non-empty value"},
		{"bootstrap.servers", "a:1,nonsense", "Invalid value nonsense for configuration bootstrap.servers: Invalid url in bootstrap.servers; expected host:port"},
		{"heartbeat.interval.ms", "10000", "Invalid value 10000 for configuration heartbeat.interval.ms: Heartbeat must be set lower than the session timeout, session.timeout.ms=10000"},
		{"session.timeout.ms", "-1", "Invalid value -1 for configuration session.timeout.ms: Value must be at least 1"},
		{"rebalance.timeout.ms", "x", "Invalid value x for configuration rebalance.timeout.ms: Not a number of type INT"},
		{"listeners", "", "at least one URL is expected, ex: http://localhost:8080,https://localhost:8443."},
		{"listeners", "http://:1, ,", "Empty URL found when parsing listeners list."},
		{"listeners", "http://:1,foo", "Invalid value foo for configuration listeners: Listener doesn't have the right format (protocol://hostname:port)."},
		{"listeners", "ftp://x:1", `Invalid value ftp://x:1 for configuration listeners: Listener protocol must be either "http" or "https".`},
		{"listeners", "http://x:99999", "the port must be at most 65535"},
		{"admin.listeners", "http://:1,", "Configuration 'admin.listeners' values must not be empty."},
		{"rest.advertised.port", "x", "Invalid value x for configuration rest.advertised.port: Not a number of type INT"},
		{"rest.advertised.port", "70000", "a port lies between 1 and 65535"},
		{"rest.advertised.listener", "ftp", `Invalid value ftp for configuration rest.advertised.listener: must be either "http" or "https"`},
		{"connect.protocol", "x", "Invalid value x for configuration connect.protocol: Invalid Connect protocol compatibility"},
		{"exactly.once.source.support", "x", "String must be one of (case insensitive): DISABLED, ENABLED, PREPARING"},
		{"inter.worker.key.generation.algorithm", "nope", "Invalid value nope for configuration inter.worker.key.generation.algorithm: the algorithm is not supported"},
		{"inter.worker.key.size", "7", "Unable to create key generator with algorithm HmacSHA256 and key size 7: key length must be at least 40 bits"},
		{"inter.worker.key.size", "0", "key length must be at least 40 bits"},
		{"inter.worker.signature.algorithm", "HmacSHA512", "Invalid value HmacSHA512 for configuration inter.worker.signature.algorithm: Signature algorithm must be present in inter.worker.verification.algorithms list"},
		{"inter.worker.signature.algorithm", "hmacsha256", "Signature algorithm must be present in"},
		{"inter.worker.verification.algorithms", "", "Invalid value [] for configuration inter.worker.verification.algorithms: At least one signature verification algorithm must be provided"},
		{"inter.worker.verification.algorithms", "HmacSHA256,nope", "Invalid value nope for configuration inter.worker.verification.algorithms: the algorithm is not supported"},
		{"inter.worker.key.ttl.ms", "-1", "Value must be at least 0"},
		{"config.storage.replication.factor", "0", "Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use the broker's default"},
		{"offset.storage.partitions", "-2", "Invalid value -2 for configuration offset.storage.partitions: Number of partitions must be positive, or -1 to use the broker's default"},
		{"config.storage.topic", "a b", "Invalid value a b for configuration config.storage.topic: a topic name"},
		{"status.storage.topic", "", "Invalid value  for configuration status.storage.topic"},
		{"key.converter", "no.Such", "Invalid value no.Such for configuration key.converter: Class no.Such could not be found."},
		{"response.http.headers.config", "bad", "Invalid format of header config 'bad'. Expected: '[action] [header name]:[header value]'"},
		{"security.protocol", "x", "String must be one of (case insensitive): SASL_SSL, PLAINTEXT, SSL, SASL_PLAINTEXT"},
		{"offset.flush.interval.ms", "0", "Invalid value 0 for configuration offset.flush.interval.ms: Value must be at least 1"},
		{"topic.creation.enable", "yes", "Expected value to be either true or false"},
		{"connector.client.config.override.policy", "nope", "must be one of: All, None, Principal, Allowlist"},
		{"rest.extension.classes", "x.BasicAuth", "Invalid value x.BasicAuth for configuration rest.extension.classes: REST extensions are Java classes"},
	} {
		known := WithConverters(func(class string) bool { return class != "no.Such" })
		_, _, err := Parse(minimal(c.name, c.value), known)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v, want %s", c.name, c.value, err, c.want)
			continue
		}
		if all := config.Errors(err); len(all) != 1 || all[0].Name != c.name {
			t.Errorf("%s=%s: %d errors: %v", c.name, c.value, len(all), err)
		}
	}
}

func TestAcceptedAsByJava(t *testing.T) {
	for _, pair := range [][2]string{
		{"connect.protocol", "SESSIONED"},
		{"exactly.once.source.support", "ENABLED"},
		{"security.protocol", "sasl_ssl"},
		{"inter.worker.key.generation.algorithm", "hmacsha512"},
		{"inter.worker.key.generation.algorithm", "AES"},
		{"inter.worker.key.size", "40"},
		{"config.storage.replication.factor", "-1"},
		{"admin.listeners", ""},
		{"metric.reporters", ""},
		{"listeners", "HTTP://x:1"},
		{"plugin.discovery", "service_load"},
		{"offset.flush.timeout.ms", "0"},
		{"client.id", "a b"},
	} {
		parse(t, pair[0], pair[1])
	}
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	props := minimal("session.timeout.ms", "soon", "listeners", "foo", "offset.storage.partitions", "0")
	delete(props, "group.id")
	delete(props, "key.converter")
	_, _, err := Parse(props)
	var names []string
	for _, e := range config.Errors(err) {
		names = append(names, e.Name)
	}
	want := []string{"key.converter", "group.id", "session.timeout.ms", "offset.storage.partitions", "listeners"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("%s\n%v", diff, err)
	}
}

func TestOverridePolicy(t *testing.T) {
	c, warnings := parse(t, "connector.client.config.override.policy", "org.apache.kafka.connect.connector.policy.AllowlistConnectorClientConfigOverridePolicy",
		"connector.client.config.override.allowlist", "linger.ms, acks")
	if c.ClientOverridePolicy != "Allowlist" || len(c.ClientOverrideAllowlist) != 2 || len(warnings) > 0 {
		t.Error(c.ClientOverridePolicy, c.ClientOverrideAllowlist, warnings)
	}
}

func TestPrintingHidesSecrets(t *testing.T) {
	c, _ := parse(t, "ssl.key.password", "s3cret", "producer.sasl.jaas.config", "s3cret")
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", c, *c, c), strings.Join(c.Values.Lines(), "\n")} {
		if strings.Contains(text, "s3cret") {
			t.Error(text)
		}
	}
}

func TestKeyBits(t *testing.T) {
	for name, want := range map[string]int{"HmacSHA256": 256, "hmacsha1": 512, "HmacMD5": 512, "HmacSHA512/224": 224, "AES": 128} {
		if got, err := KeyBits(name, 0); got != want || err != nil {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
	if _, err := KeyBits("AES", 40); err == nil {
		t.Error("AES with 40 bits was accepted")
	}
	for _, name := range macAlgorithms() {
		if !api.KnownAlgorithm(name) {
			t.Errorf("no hash for %s", name)
		}
	}
}

// Whatever the values, parsing neither panics nor tells a secret.
func TestParseNeverPanics(t *testing.T) {
	names := Def().Names()
	rapid.Check(t, func(t *rapid.T) {
		props := minimal()
		for name, value := range rapid.MapOf(rapid.SampledFrom(names), rapid.String()).Draw(t, "props") {
			props[name] = value
		}
		props["ssl.key.password"] = "s3cret-value"
		_, warnings, err := Parse(props)
		if err != nil && strings.Contains(err.Error(), "s3cret-value") {
			t.Fatal(err)
		}
		for _, w := range warnings {
			if strings.Contains(w.Text, "s3cret-value") {
				t.Fatal(w)
			}
		}
	})
}

func FuzzWorkerFile(f *testing.F) {
	f.Add([]byte("group.id=g\nlisteners=http://:1,https://[::1]:2\nresponse.http.headers.config=\"add a:b,c\",set d:e"))
	f.Fuzz(func(t *testing.T, data []byte) {
		props, err := ParseProperties(data)
		if err != nil {
			return
		}
		c, _, err := Parse(props)
		if (c == nil) == (err == nil) {
			t.Errorf("config %v, error %v", c != nil, err)
		}
	})
}
