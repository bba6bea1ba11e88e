package clientconf

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sasl(mechanism, jaas string, more ...string) map[string]string {
	return with(append([]string{"security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", mechanism, "sasl.jaas.config", jaas}, more...)...)
}

func saslOf(s *Settings) map[string]string {
	out := map[string]string{}
	for name, value := range s.Librdkafka {
		if strings.Contains(name, "sasl") {
			out[name] = value
		}
	}
	return out
}

func TestPasswordMechanisms(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		s := mustTranslate(t, Consumer, sasl(mechanism,
			`kafkashaded.org.apache.kafka.common.security.scram.ScramLoginModule required username="al\"ice" password="Hunter2";`))
		want := map[string]string{"sasl.mechanism": mechanism, "sasl.username": `al"ice`, "sasl.password": "Hunter2"}
		if diff := cmp.Diff(want, saslOf(s)); diff != "" {
			t.Error(diff)
		}
		if s.SASL.Username != `al"ice` || s.SASL.Password.Reveal() != "Hunter2" {
			t.Error("neutral settings differ")
		}
		if printed := fmt.Sprintf("%v %+v %#v", *s.SASL, *s.SASL, *s.SASL); strings.Contains(printed, "Hunter2") {
			t.Errorf("printing shows the password: %s", printed)
		}
	}
}

func TestSecretsStayOutOfErrors(t *testing.T) {
	for _, props := range []map[string]string{
		sasl("PLAIN", `x.PlainLoginModule required username=a password=Hunter2!;`),
		sasl("PLAIN", `x.PlainLoginModule required username="" password="Hunter2";`),
		sasl("PLAIN", `x.ScramLoginModule required username="a" password="Hunter2" tokenauth=true;`),
		sasl("OAUTHBEARER", `x.OAuthBearerLoginModule required clientSecret="Hunter2";`, "sasl.oauthbearer.token.endpoint.url", "https://u:Hunter2@h/"),
		sasl("OAUTHBEARER", `x.OAuthBearerLoginModule required clientSecret="Hunter2";`, "sasl.oauthbearer.token.endpoint.url", "https://h/"),
		with("security.protocol", "SSL", "ssl.keystore.type", "PEM", "ssl.keystore.key", "Hunter2", "ssl.keystore.certificate.chain", "Hunter2"),
		with("security.protocol", "SSL", "ssl.keystore.location", "testdata/client.jks", "ssl.keystore.password", "Hunter2"),
		with("security.protocol", "SSL", "ssl.keystore.password", "Hunter2"),
		with("security.protocol", "SSL", "ssl.truststore.certificates", "Hunter2"),
	} {
		_, err := Translate(Producer, props, func(string) ([]byte, error) { return jksMagic, nil })
		if err == nil {
			t.Errorf("no error for %v", props)
		} else if strings.Contains(err.Error(), "Hunter2") {
			t.Errorf("leaks: %v", err)
		}
	}
}

func TestClientCredentials(t *testing.T) {
	const url = "https://idp.example/token"
	fromOptions := sasl("OAUTHBEARER",
		`org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId="id" clientSecret="Hunter2" scope="s" extension_logicalCluster="lkc-1" extension_pool="p";`,
		"sasl.oauthbearer.token.endpoint.url", url,
		"sasl.login.callback.handler.class", "org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler")
	s := mustTranslate(t, Admin, fromOptions)
	want := map[string]string{
		"sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.method": "oidc", "sasl.oauthbearer.token.endpoint.url": url,
		"sasl.oauthbearer.client.id": "id", "sasl.oauthbearer.client.secret": "Hunter2", "sasl.oauthbearer.scope": "s",
		"sasl.oauthbearer.extensions": "logicalCluster=lkc-1,pool=p",
	}
	if diff := cmp.Diff(want, saslOf(s)); diff != "" {
		t.Error(diff)
	}
	if len(s.Warnings) > 0 {
		t.Error(s.Warnings)
	}

	fromProperties := with("security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", "OAUTHBEARER", "sasl.oauthbearer.token.endpoint.url", url,
		"sasl.oauthbearer.client.credentials.client.id", "id", "sasl.oauthbearer.client.credentials.client.secret", "Hunter2", "sasl.oauthbearer.scope", "s")
	delete(want, "sasl.oauthbearer.extensions")
	if diff := cmp.Diff(want, saslOf(mustTranslate(t, Admin, fromProperties))); diff != "" {
		t.Error(diff)
	}

	for _, bad := range []string{"file:///etc/token", "idp/token", "ftp://h/"} {
		props := maps.Clone(fromProperties)
		props["sasl.oauthbearer.token.endpoint.url"] = bad
		if _, err := Translate(Admin, props, nil); err == nil || !strings.Contains(err.Error(), "http or https") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestUnsecuredTokens(t *testing.T) {
	s := mustTranslate(t, Producer, sasl("OAUTHBEARER", `x.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="alice"
		unsecuredLoginListClaim_scope="|a|b" unsecuredLoginLifetimeSeconds="60" unsecuredLoginExtension_traceId="123";`))
	want := map[string]string{
		"sasl.mechanism": "OAUTHBEARER", "enable.sasl.oauthbearer.unsecure.jwt": "true",
		"sasl.oauthbearer.config": "principalClaimName=sub principal=alice lifeSeconds=60 scopeClaimName=scope scope=a,b extension_traceId=123",
	}
	if diff := cmp.Diff(want, saslOf(s)); diff != "" {
		t.Error(diff)
	}
	if u := s.SASL.OAuth.Unsecured; u.Lifetime != time.Minute || u.Strings["sub"] != "alice" || len(u.Lists["scope"]) != 2 {
		t.Errorf("%+v", u)
	}
	if len(s.Warnings) > 0 {
		t.Error(s.Warnings)
	}

	extra := mustTranslate(t, Producer, sasl("OAUTHBEARER", `x.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="alice" unsecuredLoginNumberClaim_n="1.5";`))
	if len(extra.Warnings) != 1 || extra.SASL.OAuth.Unsecured.Numbers["n"] != 1.5 {
		t.Errorf("%v", extra.Warnings)
	}
	for _, options := range []string{
		``, `unsecuredLoginStringClaim_sub="a b"`, `unsecuredLoginStringClaim_sub="a" unsecuredLoginLifetimeSeconds="x"`,
		`unsecuredLoginStringClaim_sub="a" unsecuredLoginNumberClaim_n="x"`, `unsecuredLoginStringClaim_sub="a" unsecuredLoginNumberClaim_exp="1"`,
		`unsecuredLoginStringClaim_sub="a" unsecuredLoginExtension_auth="1"`, `unsecuredLoginStringClaim_sub="a" unsecuredLoginExtension_a="1 2"`,
	} {
		if _, err := Translate(Producer, sasl("OAUTHBEARER", "x.OAuthBearerLoginModule required "+options+";"), nil); err == nil {
			t.Errorf("accepted %s", options)
		}
	}
}
