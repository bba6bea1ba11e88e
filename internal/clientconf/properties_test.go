package clientconf

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestEveryJavaPropertyHasAVerdict holds the table against Kafka's own list, both ways, role by role.
func TestEveryJavaPropertyHasAVerdict(t *testing.T) {
	roles := map[string]Role{"producer": Producer, "consumer": Consumer, "admin": Admin}
	file, err := os.Open("testdata/kafka-4.3.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	kafka := map[string][]Role{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		kafka[fields[1]] = append(kafka[fields[1]], roles[fields[0]])
	}
	if len(kafka) < 140 {
		t.Fatalf("only %d names in the list", len(kafka))
	}
	for name, want := range kafka {
		p, ok := lookupProperty(name)
		if !ok {
			t.Errorf("%s has no verdict", name)
			continue
		}
		for _, role := range []Role{Producer, Consumer, Admin} {
			if p.roles.has(role) != slices.Contains(want, role) {
				t.Errorf("%s: roles differ for %v", name, role)
			}
		}
	}
	for _, v := range Verdicts() {
		if kafka[v.Property] == nil {
			t.Errorf("%s is not a property of Kafka 4.3", v.Property)
		}
		if (v.Outcome == "translated") == (v.Reason != "") {
			t.Errorf("%s: outcome %q with reason %q", v.Property, v.Outcome, v.Reason)
		}
	}
	if !slices.IsSortedFunc(javaProperties, func(a, b javaProperty) int { return strings.Compare(a.name, b.name) }) {
		t.Error("the table is not sorted")
	}
}

func TestIsClientProperty(t *testing.T) {
	for name, want := range map[string]bool{
		"linger.ms": true, "group.id": false, "librdkafka.debug": true, "librdkafka.": false, "offset.storage.topic": false,
	} {
		if got := IsClientProperty(Producer, name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestRedactHidesSecretsOfBothWorlds(t *testing.T) {
	secret := []string{
		"sasl.jaas.config", "ssl.key.password", "ssl.keystore.key", "producer.ssl.keystore.password",
		"source.cluster.sasl.jaas.config", "consumer.override.sasl.jaas.config", "listeners.https.ssl.truststore.password",
		"sasl.password", "ssl.key.pem", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.client.credentials.client.secret",
		"sasl.oauthbearer.assertion.private.key.passphrase", "librdkafka.sasl.password", "SSL.KEY.PASSWORD", "sasl.oauthbearer.config",
	}
	open := []string{
		"bootstrap.servers", "ssl.keystore.location", "ssl.keystore.type", "key.converter", "sasl.mechanism",
		"sasl.oauthbearer.token.endpoint.url", "sasl.username", "inter.worker.key.size",
	}
	props := map[string]string{}
	for _, name := range append(slices.Clone(secret), open...) {
		props[name] = "value"
	}
	redacted := Redact(props)
	for _, name := range secret {
		if redacted[name] != Hidden {
			t.Errorf("%s is shown", name)
		}
	}
	for _, name := range open {
		if redacted[name] != "value" {
			t.Errorf("%s is hidden", name)
		}
	}
	if props["sasl.password"] != "value" {
		t.Error("the input was changed")
	}
}
