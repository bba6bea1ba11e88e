package api

// PluginInfo is an element of the answer to GET /connector-plugins.
type PluginInfo struct {
	Class string `json:"class"`
	// Type is "source", "sink", "transformation", "predicate", "converter" or "header_converter".
	Type    string  `json:"type"`
	Version Version `json:"version,omitzero"`
}

// ConfigKeyInfo is the definition of one config key.
type ConfigKeyInfo struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required"`
	// DefaultValue is nil (null in JSON) when there is none, or it is null.
	DefaultValue  *string `json:"default_value"`
	Importance    string  `json:"importance"`
	Documentation string  `json:"documentation"`
	// Group is nil (null in JSON) for a key of no group.
	Group *string `json:"group"`
	// OrderInGroup is -1 for a key of no group.
	OrderInGroup int      `json:"order_in_group"`
	Width        string   `json:"width"`
	DisplayName  string   `json:"display_name"`
	Dependents   []string `json:"dependents"`
}

// MarshalJSON writes an empty list of dependents where it is nil.
func (k ConfigKeyInfo) MarshalJSON() ([]byte, error) {
	type plain ConfigKeyInfo
	k.Dependents = nonNil(k.Dependents)
	return Marshal(plain(k))
}

// ConfigValueInfo is one key's value and what is wrong with it.
type ConfigValueInfo struct {
	Name string `json:"name"`
	// Value is nil (null in JSON) when the key was not given and has no default.
	Value             *string  `json:"value"`
	RecommendedValues []string `json:"recommended_values"`
	Errors            []string `json:"errors"`
	Visible           bool     `json:"visible"`
}

// MarshalJSON writes empty lists where they are nil.
func (v ConfigValueInfo) MarshalJSON() ([]byte, error) {
	type plain ConfigValueInfo
	v.RecommendedValues, v.Errors = nonNil(v.RecommendedValues), nonNil(v.Errors)
	return Marshal(plain(v))
}

// ConfigInfo is a key's definition and value. Definition is nil for a key that the plugin does not know.
type ConfigInfo struct {
	Definition *ConfigKeyInfo  `json:"definition"`
	Value      ConfigValueInfo `json:"value"`
}

// ConfigInfos is the answer to PUT /connector-plugins/{plugin}/config/validate.
type ConfigInfos struct {
	Name       string       `json:"name"`
	ErrorCount int          `json:"error_count"`
	Groups     []string     `json:"groups"`
	Configs    []ConfigInfo `json:"configs"`
}

// MarshalJSON writes empty lists where they are nil.
func (c ConfigInfos) MarshalJSON() ([]byte, error) {
	type plain ConfigInfos
	c.Groups, c.Configs = nonNil(c.Groups), nonNil(c.Configs)
	return Marshal(plain(c))
}
