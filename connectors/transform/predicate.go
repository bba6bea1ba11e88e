package transform

import (
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

// test tells whether a record is selected.
type test func(rec *connect.Transformable) (bool, error)

type predicatePlan struct {
	def   *config.Def
	build func(config.Values) (test, error)
}

// predicates are Kafka's own (KIP-585).
var predicates = map[string]predicatePlan{
	"HasHeaderKey": {config.New(config.Key{
		Name: "name", Validator: config.NonEmpty(), Doc: "The name that one of the record's headers must have.",
	}), hasHeaderKey},
	"RecordIsTombstone": {config.New(), recordIsTombstone},
	"TopicNameMatches": {config.New(config.Key{
		Name: "pattern", Validator: config.All(config.NonEmpty(), validRegex),
		Doc: "A regular expression that the whole name of the record's topic must match.",
	}), topicNameMatches},
}

func hasHeaderKey(v config.Values) (test, error) {
	name := v.String("name")
	return func(rec *connect.Transformable) (bool, error) {
		return slices.ContainsFunc(rec.Headers, func(h connect.Header) bool { return h.Key == name }), nil
	}, nil
}

func recordIsTombstone(config.Values) (test, error) {
	return func(rec *connect.Transformable) (bool, error) { return rec.Value == nil, nil }, nil
}

func topicNameMatches(v config.Values) (test, error) {
	p, err := compile(v.String("pattern"))
	if err != nil {
		return nil, config.Invalid("pattern", v.String("pattern"), err.Error())
	}
	return func(rec *connect.Transformable) (bool, error) { return p.MatchString(rec.Topic) }, nil
}

// predicate is a plan on its way to being carried out.
type predicate struct {
	plan predicatePlan
	test test // set by Configure
}

// Configure reads the properties.
func (p *predicate) Configure(props map[string]string) error {
	v, err := p.plan.def.Parse(props)
	if err != nil {
		return err
	}
	p.test, err = p.plan.build(v)
	return err
}

// Test tells whether the record is selected.
func (p *predicate) Test(rec *connect.Transformable) (bool, error) { return p.test(rec) }

// Close has nothing to release.
func (*predicate) Close() error { return nil }
