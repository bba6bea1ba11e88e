package clientconf

import (
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oauth chooses, as Java does, between the client credentials grant (a token endpoint is given) and unsecured tokens made
// up from options of the login module.
func (r *reader) oauth(jaas *JAAS) {
	if jaas.Module != "" && !jaas.is("OAuthBearerLoginModule") {
		r.fail(invalid("sasl.jaas.config", "",
			"OAUTHBEARER needs org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"))
		return
	}
	o := &OAuth{
		ConnectTimeout:  millis(r.integer("sasl.login.connect.timeout.ms", 0, 0, maxInt)),
		ReadTimeout:     millis(r.integer("sasl.login.read.timeout.ms", 0, 0, maxInt)),
		RetryBackoff:    millis(r.integer("sasl.login.retry.backoff.ms", 100, 0, maxLong)),
		RetryBackoffMax: millis(r.integer("sasl.login.retry.backoff.max.ms", 10_000, 0, maxLong)),
		URLEncode:       r.boolean("sasl.oauthbearer.header.urlencode", false),
		Extensions:      map[string]string{},
	}
	r.out.SASL.OAuth = o
	if !r.handlersKnown() {
		return
	}
	if r.given("sasl.oauthbearer.token.endpoint.url") {
		r.clientCredentials(o, jaas)
		return
	}
	r.unsecured(o, jaas)
}

// handlersKnown checks the two class properties: Java's own classes are what is built in here, others can't be loaded, and
// without them there would be no token.
func (r *reader) handlersKnown() bool {
	ok := true
	check := func(name string, simple ...string) {
		class := r.textOr(name, "")
		if class != "" && !(&JAAS{Module: class}).is(simple...) {
			r.fail(invalid(name, class, "Java classes can't be loaded; leave it out, or name one of %s", strings.Join(simple, ", ")))
			ok = false
		}
	}
	check("sasl.login.callback.handler.class", "OAuthBearerLoginCallbackHandler", "OAuthBearerUnsecuredLoginCallbackHandler")
	check("sasl.oauthbearer.jwt.retriever.class", "DefaultJwtRetriever", "ClientCredentialsJwtRetriever")
	return ok
}

func (r *reader) clientCredentials(o *OAuth, jaas *JAAS) {
	const name = "sasl.oauthbearer.token.endpoint.url"
	endpoint := r.textOr(name, "")
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		r.fail(invalid(name, "", "must be an http or https URL without user and password"))
		return
	}
	o.TokenEndpoint = endpoint
	o.ClientID = r.propertyOrOption("sasl.oauthbearer.client.credentials.client.id", jaas, "clientId")
	o.ClientSecret = Secret(r.propertyOrOption("sasl.oauthbearer.client.credentials.client.secret", jaas, "clientSecret"))
	o.Scope = r.propertyOrOption("sasl.oauthbearer.scope", jaas, "scope")
	if o.ClientID == "" || o.ClientSecret == "" {
		r.fail(invalid("sasl.jaas.config", "", `must hold the options clientId="..." and clientSecret="..." (or set `+
			"sasl.oauthbearer.client.credentials.client.id and .client.secret)"))
		return
	}
	for key, value := range jaas.Options {
		if ext, ok := strings.CutPrefix(key, "extension_"); ok {
			o.Extensions[ext] = value
		} else if strings.HasPrefix(key, "ssl.") {
			r.warn("sasl.jaas.config", "no counterpart: ssl options of the token endpoint; the system's certificate authorities are used")
		}
	}
	r.set("sasl.oauthbearer.method", "oidc")
	r.set("sasl.oauthbearer.token.endpoint.url", endpoint)
	r.set("sasl.oauthbearer.client.id", o.ClientID)
	r.set("sasl.oauthbearer.client.secret", o.ClientSecret.Reveal())
	if o.Scope != "" {
		r.set("sasl.oauthbearer.scope", o.Scope)
	}
	r.extensions(o)
	r.oauthLimits(o)
}

// oauthLimits names what only the Go clients can do at the token endpoint.
func (r *reader) oauthLimits(o *OAuth) {
	for _, name := range []string{
		"sasl.login.connect.timeout.ms", "sasl.login.read.timeout.ms",
		"sasl.login.retry.backoff.ms", "sasl.login.retry.backoff.max.ms",
	} {
		if r.given(name) {
			r.warn(name, "no counterpart in librdkafka, which has its own limits; used by the group client only")
		}
	}
	if o.URLEncode {
		r.warn("sasl.oauthbearer.header.urlencode", "no counterpart in librdkafka; used by the group client only")
	}
}

func (r *reader) extensions(o *OAuth) {
	if len(o.Extensions) == 0 {
		return
	}
	parts := make([]string, 0, len(o.Extensions))
	for _, key := range slices.Sorted(maps.Keys(o.Extensions)) {
		value := o.Extensions[key]
		if !r.extensionValid(key, value, ",") {
			return
		}
		parts = append(parts, key+"="+value)
	}
	r.set("sasl.oauthbearer.extensions", strings.Join(parts, ","))
}

func (r *reader) extensionValid(key, value, separators string) bool {
	letters := key != "" && key != "auth" && strings.Trim(strings.ToLower(key), "abcdefghijklmnopqrstuvwxyz") == ""
	if !letters || strings.ContainsAny(value, separators+"\x00\x01") {
		r.fail(invalid("sasl.jaas.config", "",
			"SASL extensions must be named by letters only, not auth, and their values must be free of %q", separators))
		return false
	}
	return true
}

func (r *reader) propertyOrOption(property string, jaas *JAAS, option string) string {
	if v := r.text(property); v != "" {
		return v
	}
	return jaas.Options[option]
}

// unsecured reads the options of OAuthBearerUnsecuredLoginCallbackHandler.
func (r *reader) unsecured(o *OAuth, jaas *JAAS) {
	const name, prefix = "sasl.jaas.config", "unsecuredLogin"
	t := &UnsecuredToken{
		PrincipalClaim: "sub", ScopeClaim: "scope", Lifetime: time.Hour,
		Strings: map[string]string{}, Numbers: map[string]float64{}, Lists: map[string][]string{},
	}
	o.Unsecured = t
	for key, value := range jaas.Options {
		option, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		kind, claim, _ := strings.Cut(option, "_")
		if claim == "iat" || claim == "exp" {
			r.fail(invalid(name, "", "the claims iat and exp can't be set"))
			return
		}
		switch kind {
		case "PrincipalClaimName":
			t.PrincipalClaim = strings.TrimSpace(value)
		case "ScopeClaimName":
			t.ScopeClaim = strings.TrimSpace(value)
		case "LifetimeSeconds":
			seconds, err := strconv.ParseInt(value, 10, 32)
			if err != nil || seconds <= 0 {
				r.fail(invalid(name, "", "unsecuredLoginLifetimeSeconds must be a whole number of seconds"))
				return
			}
			t.Lifetime = time.Duration(seconds) * time.Second
		case "StringClaim":
			t.Strings[claim] = value
		case "NumberClaim":
			n, err := strconv.ParseFloat(value, 64)
			if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
				r.fail(invalid(name, "", "the value of a number claim must be a number"))
				return
			}
			t.Numbers[claim] = n
		case "ListClaim":
			t.Lists[claim] = splitListClaim(value)
		case "Extension":
			o.Extensions[claim] = value
		}
	}
	r.unsecuredLibrdkafka(o, t)
}

// splitListClaim splits at the value's own first character: "|a|b" is [a b].
func splitListClaim(value string) []string {
	if len(value) <= 1 {
		return []string{}
	}
	return strings.Split(value[1:], value[:1])
}

// unsecuredLibrdkafka writes librdkafka's "name=value name=value" form, which holds a principal, a scope and extensions
// only, and no value with a space.
func (r *reader) unsecuredLibrdkafka(o *OAuth, t *UnsecuredToken) {
	const name = "sasl.jaas.config"
	principal := t.Strings[t.PrincipalClaim]
	if principal == "" || t.PrincipalClaim == "" || t.ScopeClaim == "" {
		r.fail(invalid(name, "", `must hold a token endpoint (sasl.oauthbearer.token.endpoint.url) or, for development, `+
			`unsecuredLoginStringClaim_sub="..."`))
		return
	}
	scope := t.Lists[t.ScopeClaim]
	if s := t.Strings[t.ScopeClaim]; s != "" {
		scope = strings.Fields(s)
	}
	others := len(t.Strings) + len(t.Numbers) + len(t.Lists) - 1
	if len(scope) > 0 {
		others--
	}
	if others > 0 {
		r.warn(name, "no counterpart in librdkafka: claims other than principal and scope; used by the group client only")
	}
	parts := []string{
		"principalClaimName=" + t.PrincipalClaim, "principal=" + principal,
		"lifeSeconds=" + strconv.FormatInt(int64(t.Lifetime/time.Second), 10),
	}
	if len(scope) > 0 {
		parts = append(parts, "scopeClaimName="+t.ScopeClaim, "scope="+strings.Join(scope, ","))
	}
	for _, key := range slices.Sorted(maps.Keys(o.Extensions)) {
		if !r.extensionValid(key, o.Extensions[key], " ") {
			return
		}
		parts = append(parts, "extension_"+key+"="+o.Extensions[key])
	}
	for _, p := range parts {
		if strings.ContainsAny(p, " \"\\") {
			r.fail(invalid(name, "", "principal, scope and claim names of an unsecured token must be free of spaces, quotes and backslashes"))
			return
		}
	}
	r.set("enable.sasl.oauthbearer.unsecure.jwt", "true")
	r.set("sasl.oauthbearer.config", strings.Join(parts, " "))
}
