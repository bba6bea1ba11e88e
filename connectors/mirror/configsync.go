package mirror

import "github.com/connectd/connectd/internal/client"

// configFilter selects the topic settings that are copied.
type configFilter struct {
	exclude pattern
	// sourceDefaults copies defaults of the source cluster too, instead of leaving those of the target
	// (use.defaults.from=source).
	sourceDefaults bool
}

// synced tells settings that may be copied at all.
func (f configFilter) synced(name string, e client.ConfigEntry) bool {
	return !e.ReadOnly && !e.Sensitive && e.Source != client.StaticBrokerConfig && !f.exclude.matches(name)
}

// initial gives the settings with which a topic is created.
func (f configFilter) initial(source map[string]client.ConfigEntry) map[string]string {
	out := map[string]string{}
	for name, e := range source {
		if f.synced(name, e) && (e.Source != client.DefaultConfig || f.sourceDefaults) {
			out[name] = e.Value
		}
	}
	return out
}

// change says what makes the target's settings follow the source's. A setting that is a default on the source loses its
// value on the target, unless sourceDefaults; what the filter excludes stays as it is.
func (f configFilter) change(topic string, source, target map[string]client.ConfigEntry) (client.ConfigChange, bool) {
	c := client.ConfigChange{Topic: topic, Set: map[string]string{}}
	for name, e := range source {
		if !f.synced(name, e) {
			continue
		}
		t, known := target[name]
		own := known && t.Source == client.TopicConfig
		switch {
		case e.Source == client.DefaultConfig && !f.sourceDefaults:
			if own {
				c.Delete = append(c.Delete, name)
			}
		case !own || t.Value != e.Value:
			c.Set[name] = e.Value
		}
	}
	return c, len(c.Set) > 0 || len(c.Delete) > 0
}
