package connconf

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/rest/api"
)

// The prefixes under which a connector's config overrides settings of its clients (KIP-458).
const (
	producerOverride = "producer.override."
	consumerOverride = "consumer.override."
	adminOverride    = "admin.override."
)

// Policy is connector.client.config.override.policy.
type Policy struct {
	// Name is All, None, Principal or Allowlist; another allows nothing.
	Name string
	// Allowlist is for the policy of that name.
	Allowlist []string
}

func (p Policy) allows(setting string) bool {
	switch p.Name {
	case "All":
		return true
	case "Principal":
		return slices.Contains([]string{"sasl.jaas.config", "sasl.mechanism", "security.protocol"}, setting)
	case "Allowlist":
		return slices.Contains(p.Allowlist, setting)
	}
	return false
}

// clientOverrides checks the settings of the clients that the connector will have against the policy. Those of others
// are not looked at. A value that cannot be read is an error.
func (r *Request) clientOverrides() (*api.ConfigInfos, error) {
	deadLetters := r.Connector.Kind == Sink && !blank(r.Props[dlqTopicKey])
	creates := r.Connector.Kind != Sink && len(config.WithPrefix(r.Props, creationPrefix)) > 0
	var infos []*api.ConfigInfos
	for _, c := range []struct {
		client, prefix string
		used           bool
	}{
		{"producer", producerOverride, r.Connector.Kind != Sink || deadLetters},
		{"consumer", consumerOverride, r.Connector.Kind == Sink},
		{"admin", adminOverride, creates || deadLetters},
	} {
		if !c.used {
			continue
		}
		info, err := r.overrides(clientDefs()[c.client], c.prefix)
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return merge("", infos...), nil
}

func (r *Request) overrides(def *config.Def, prefix string) (*api.ConfigInfos, error) {
	given := config.WithPrefix(r.Props, prefix)
	var values []config.Value
	for _, name := range hashOrder(names(given), 16) {
		v := config.Value{Name: name, Value: given[name], Visible: true}
		if k, ok := def.Key(name); ok {
			parsed, err := config.ParseType(name, given[name], k.Type)
			if err != nil {
				return nil, err
			}
			v.Value = parsed
		}
		if !r.Worker.Policy.allows(name) {
			v.Errors = []string{"The '" + r.Worker.Policy.Name + "' policy does not allow '" + name +
				"' to be overridden in the connector configuration."}
		}
		values = append(values, v)
	}
	return inOrder(def, values, prefix), nil
}

// clientKeys lists what Kafka 4.3's clients declare: client, name, type, default, importance.
//
//go:embed clientkeys.tsv
var clientKeys string

// clientDefs are the settings of Kafka's clients as validation answers show them.
var clientDefs = sync.OnceValue(func() map[string]*config.Def {
	defs := map[string]*config.Def{}
	for line := range strings.Lines(clientKeys) {
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		k := config.Key{
			Name: c[1], Type: config.Type(c[2]), HasDefault: c[3] != `\-`, Importance: config.Importance(c[4]),
			Doc: "Setting of Kafka's " + c[0] + " client.",
		}
		if c[3] != `\-` && c[3] != `\N` {
			k.Default = c[3]
		}
		if defs[c[0]] == nil {
			defs[c[0]] = config.New()
		}
		defs[c[0]].Define(k)
	}
	return defs
})
