package config

import "strings"

// Embed adds all keys of child with a prefix to their names, in one group, numbered from startingOrder on: so a
// connector shows the keys of its transformations. Validators and recommenders of the child go on seeing the
// names they know. It fails where a name is taken already.
func (d *Def) Embed(prefix, group string, startingOrder int, child *Def) error {
	for i, k := range child.sorted() {
		e := *k
		e.Name = prefix + k.Name
		e.Validator = embedValidator(prefix, k.Validator)
		e.Group = group
		if k.Group != "" {
			e.Group += ": " + k.Group
		}
		e.OrderInGroup = startingOrder + i
		e.Dependents = make([]string, len(k.Dependents))
		for j, dep := range k.Dependents {
			e.Dependents[j] = prefix + dep
		}
		if k.Recommender != nil {
			e.Recommender = embeddedRecommender{prefix, k.Recommender}
		}
		if err := d.TryDefine(e); err != nil {
			return err
		}
	}
	return nil
}

func embedValidator(prefix string, base Validator) Validator {
	if base == nil {
		return nil
	}
	return Check(base.String(), func(name string, value any) error {
		return base.Validate(strings.TrimPrefix(name, prefix), value)
	})
}

type embeddedRecommender struct {
	prefix string
	base   Recommender
}

func (e embeddedRecommender) ValidValues(name string, parsed map[string]any) ([]any, error) {
	return e.base.ValidValues(strings.TrimPrefix(name, e.prefix), e.own(parsed))
}

func (e embeddedRecommender) Visible(name string, parsed map[string]any) bool {
	return e.base.Visible(strings.TrimPrefix(name, e.prefix), e.own(parsed))
}

func (e embeddedRecommender) own(parsed map[string]any) map[string]any {
	own := map[string]any{}
	for name, value := range parsed {
		if rest, ok := strings.CutPrefix(name, e.prefix); ok {
			own[rest] = value
		}
	}
	return own
}
