package connconf

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestExactlyOnceIsRequired: the worker and the connector must both be able to.
func TestExactlyOnceIsRequired(t *testing.T) {
	answer := func(yes bool, err error) func(map[string]string) (bool, error) {
		return func(map[string]string) (bool, error) { return yes, err }
	}
	const (
		worker   = "This worker does not have exactly-once source support enabled."
		silent   = "The connector does not implement the API required for preflight validation of exactly-once source support. "
		cannot   = "The connector does not support exactly-once semantics with the provided configuration."
		boundary = "The connector does not support connector-defined transaction boundaries with the given configuration. "
		failed   = "An unexpected error occurred during validation"
	)
	plugins := readPlugins(t)
	own, _ := plugins.Find("FileStreamSource", Source)
	const json = "org.apache.kafka.connect.json.JsonConverter"
	for name, tc := range map[string]struct {
		key, value string
		enabled    bool
		can        func(map[string]string) (bool, error)
		want       []string
	}{
		"both":                    {exactlyOnceKey, "REQUIRED", true, answer(true, nil), nil},
		"worker can't":            {exactlyOnceKey, "required", false, answer(true, nil), []string{worker}},
		"connector can't":         {exactlyOnceKey, "required", true, answer(false, nil), []string{cannot}},
		"neither":                 {exactlyOnceKey, "required", false, answer(false, nil), []string{worker, cannot}},
		"connector does not tell": {exactlyOnceKey, "required", true, nil, []string{silent}},
		"connector fails":         {exactlyOnceKey, "required", true, answer(true, errors.New(" boom ")), []string{failed + ": boom"}},
		"only requested":          {exactlyOnceKey, "requested", false, nil, nil},
		"own boundaries":          {boundaryKey, "Connector", true, answer(true, nil), nil},
		"no own boundaries":       {boundaryKey, "connector", true, answer(false, nil), []string{boundary}},
		"nobody told of some":     {boundaryKey, "connector", true, nil, []string{boundary}},
		"boundaries fail":         {boundaryKey, "connector", true, answer(false, errors.New("")), []string{failed + "; please see"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := Request{
				Props:   map[string]string{"name": "s", "connector.class": own.Class, "topic": "t", tc.key: tc.value},
				Plugins: plugins, Connector: own,
				Worker: Worker{ExactlyOnceSource: tc.enabled, Converters: map[string]string{
					"key.converter": json, "value.converter": json, "header.converter": "org.apache.kafka.connect.storage.SimpleHeaderConverter",
				}},
			}
			if tc.key == exactlyOnceKey {
				r.ExactlyOnce = tc.can
			} else {
				r.Boundaries = tc.can
			}
			infos, err := Validate(r)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range infos.Configs {
				if i.Value.Name == tc.key && !slices.EqualFunc(i.Value.Errors, tc.want, strings.HasPrefix) {
					t.Errorf("%q\nwant %q", i.Value.Errors, tc.want)
				}
			}
		})
	}
}
