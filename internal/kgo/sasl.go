package kgoclient

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/connectd/connectd/internal/clientconf"
)

// Mechanism is how a client with these settings authenticates.
func Mechanism(s *clientconf.SASL) sasl.Mechanism { return mechanism(s) }

func mechanism(s *clientconf.SASL) sasl.Mechanism {
	switch s.Mechanism {
	case "SCRAM-SHA-256":
		return scram.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		return scram.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsSha512Mechanism()
	case "OAUTHBEARER":
		return oauthMechanism(s.OAuth)
	default:
		return plain.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsMechanism()
	}
}

func oauthMechanism(o *clientconf.OAuth) sasl.Mechanism {
	if u := o.Unsecured; u != nil {
		return oauth.Oauth(func(context.Context) (oauth.Auth, error) {
			token, err := unsecuredToken(u, time.Now())
			return oauth.Auth{Token: token, Extensions: o.Extensions}, err
		})
	}
	source := newTokenSource(o)
	return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
		token, err := source.token(ctx)
		return oauth.Auth{Token: token, Extensions: o.Extensions}, err
	})
}

// unsecuredToken makes a JWT with algorithm "none" (RFC 7515, appendix A.5), for development.
func unsecuredToken(u *clientconf.UnsecuredToken, now time.Time) (string, error) {
	claims := map[string]any{}
	for name, v := range u.Strings {
		claims[name] = v
	}
	for name, v := range u.Numbers {
		claims[name] = v
	}
	for name, v := range u.Lists {
		claims[name] = v
	}
	claims["iat"] = now.Unix()
	claims["exp"] = now.Add(u.Lifetime).Unix()
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + ".", nil
}
