package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// NullValue is Java's complaint about a config key whose value is null.
const NullValue = "Null value can not be supplied as the configuration value."

// Config is a config as a caller sent it: values are the literal text of strings, numbers and booleans, nil for null.
type Config map[string]*string

// Get gives a value, and whether there is one that is not null.
func (c Config) Get(key string) (string, bool) {
	if v := c[key]; v != nil {
		return *v, true
	}
	return "", false
}

// Set gives a key a value.
func (c Config) Set(key, value string) { c[key] = &value }

// Values splits a config into what has a value and the names, in order, of what is null.
func (c Config) Values() (values map[string]string, nulls []string) {
	values = make(map[string]string, len(c))
	for _, key := range slices.Sorted(maps.Keys(c)) {
		if v := c[key]; v != nil {
			values[key] = *v
		} else {
			nulls = append(nulls, key)
		}
	}
	return values, nulls
}

// AddNulls puts the complaint about null values where Java's validation has it: on the key, which is added without a
// definition when the plugin does not know it.
func (c *ConfigInfos) AddNulls(keys []string) {
	for _, key := range keys {
		at := slices.IndexFunc(c.Configs, func(i ConfigInfo) bool { return i.Value.Name == key })
		if at < 0 {
			c.Configs = append(c.Configs, ConfigInfo{Value: ConfigValueInfo{Name: key, Visible: true}})
			at = len(c.Configs) - 1
		}
		c.Configs[at].Value.Errors = append(c.Configs[at].Value.Errors, NullValue)
		c.ErrorCount++
	}
}

// InvalidConfig is the refusal of a config with errors, nil when there are none.
func (c *ConfigInfos) InvalidConfig() error {
	var errs []string
	for _, info := range c.Configs {
		errs = append(errs, info.Value.Errors...)
	}
	if len(errs) == 0 {
		return nil
	}
	return badRequest(fmt.Sprintf("Connector configuration is invalid and contains the following %d error(s):\n%s\n"+
		"You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`",
		len(errs), strings.Join(errs, "\n")))
}
