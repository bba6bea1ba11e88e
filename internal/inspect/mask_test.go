package inspect

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecretsAreHidden(t *testing.T) {
	passwords := func(class string) []string {
		return map[string][]string{"C": {"pin"}, "V": {"seed"}, "T": {"salt"}, "P": {"code"}}[class]
	}
	config := map[string]string{
		"connector.class": "C", "value.converter": "V", "transforms": "a, b", "transforms.a.type": "T", "predicates": "p", "predicates.p.type": "P",
		"pin": "SECRET", "value.converter.seed": "SECRET", "transforms.a.salt": "SECRET", "predicates.p.code": "SECRET",
		"transforms.b.salt": "shown", "seed": "shown", // of no plugin that declares them
		"connection.password": "SECRET", "MyDbPassword": "SECRET", "db_pwd": "SECRET", "source.cluster.sasl.jaas.config": "SECRET", "aws.secret.access.key": "SECRET",
		"s3.access-key": "SECRET", "oauth.token": "SECRET", "azure.account.key": "SECRET", "gcp.credentials.json": "SECRET", "keyfile": "SECRET",
		"value.converter.basic.auth.user.info": "user:SECRET", "producer.override.ssl.keystore.key": "SECRET",
		"key.converter": "shown", "transforms.a.key.field": "shown", "topics": "shown", "password.empty": "",
		"vault.password":    "${vault:db/creds:password}",
		"half.password":     "x${vault:db/creds:password}",
		"connection.url":    "jdbc:x://h/db?user=u&password=SECRET&ssl=true",
		"connection.uri":    "mongodb://u:SEC@RET@h:1,h2/db",
		"connection.string": `Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=SECRET=;x=y`,
		"jaas":              "SECRET",
		"login":             `Module required username="u" password="SEC RET" x="y";`,
		"header":            "X-Auth: Bearer SECRETSECRET.x",
		"bootstrap":         "SASL_SSL://h:9092,h2:9093",
	}
	want := map[string]string{}
	for k, v := range config {
		want[k] = v
		if v == "SECRET" || v == "user:SECRET" {
			want[k] = Hidden
		}
	}
	want["half.password"] = Hidden
	want["connection.url"] = "jdbc:x://h/db?user=u&password=" + Hidden + "&ssl=true"
	want["connection.uri"] = "mongodb://u:" + Hidden + "@h:1,h2/db"
	want["connection.string"] = `Endpoint=sb://x/;SharedAccessKeyName=` + Hidden + `;SharedAccessKey=` + Hidden + `;x=y`
	want["login"] = `Module required username="u" password=` + Hidden + ` x="y";`
	want["header"] = "X-Auth: Bearer " + Hidden
	if diff := cmp.Diff(want, (masker{passwords: passwords}).config(config, config)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(config, (masker{passwords: passwords, show: true}).config(config, config)); diff != "" {
		t.Error(diff)
	}
	// Tasks are judged by the plugins of their connector, and without a registry by names.
	if got := (masker{passwords: passwords}).config(map[string]string{"pin": "SECRET"}, config); got["pin"] != Hidden {
		t.Errorf("a task's password is shown: %v", got)
	}
	if got := (masker{}).config(map[string]string{"pin": "1", "password": "2"}, config); got["pin"] != "1" || got["password"] != Hidden {
		t.Errorf("without a registry: %v", got)
	}
}
