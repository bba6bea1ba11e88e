package worker

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/worker/plugin"
	"github.com/connectd/connectd/worker/task"
)

// chain is a connector's transformations in order, each with its predicate (KIP-66, KIP-585).
type chain struct{ steps []step }

type step struct {
	name      string
	transform connect.Transform
	predicate connect.Predicate // nil for always
	negate    bool
}

// newChain makes what the property transforms asks for; nil for nothing.
func newChain(reg *plugin.Registry, conf map[string]string) (task.Chain, error) {
	names := listOf(conf["transforms"])
	if len(names) == 0 {
		return nil, nil
	}
	c := &chain{}
	for _, name := range names {
		s, err := newStep(reg, conf, name)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.steps = append(c.steps, s)
	}
	return c, nil
}

func newStep(reg *plugin.Registry, conf map[string]string, name string) (step, error) {
	prefix := "transforms." + name
	props := config.WithPrefix(conf, prefix+".")
	p, err := reg.FindTransform(props["type"])
	if err != nil {
		return step{}, fmt.Errorf("%s.type: %w", prefix, err)
	}
	s := step{name: name, transform: p.New(), negate: strings.EqualFold(strings.TrimSpace(props["negate"]), "true")}
	own := maps.Clone(props)
	for _, k := range []string{"type", "predicate", "negate"} {
		delete(own, k)
	}
	if err := s.transform.Configure(own); err != nil {
		return step{}, fmt.Errorf("%s: %w", prefix, err)
	}
	if alias := strings.TrimSpace(props["predicate"]); alias != "" {
		if s.predicate, err = newPredicate(reg, conf, alias); err != nil {
			return step{}, errors.Join(err, s.transform.Close())
		}
	}
	return s, nil
}

func newPredicate(reg *plugin.Registry, conf map[string]string, alias string) (connect.Predicate, error) {
	prefix := "predicates." + alias
	props := config.WithPrefix(conf, prefix+".")
	p, err := reg.FindPredicate(props["type"])
	if err != nil {
		return nil, fmt.Errorf("%s.type: %w", prefix, err)
	}
	delete(props, "type")
	pred := p.New()
	if err := pred.Configure(props); err != nil {
		return nil, fmt.Errorf("%s: %w", prefix, err)
	}
	return pred, nil
}

// Apply runs the record through all steps until one drops it.
func (c *chain) Apply(rec *connect.Transformable) (bool, error) {
	for _, s := range c.steps {
		if s.predicate != nil {
			is, err := s.predicate.Test(rec)
			if err != nil {
				return false, fmt.Errorf("predicate of transforms.%s: %w", s.name, err)
			}
			if is == s.negate {
				continue
			}
		}
		keep, err := s.transform.Apply(rec)
		if err != nil {
			return false, fmt.Errorf("transforms.%s: %w", s.name, err)
		}
		if !keep {
			return false, nil
		}
	}
	return true, nil
}

// Close closes all steps.
func (c *chain) Close() error {
	var errs []error
	for _, s := range c.steps {
		errs = append(errs, s.transform.Close())
		if s.predicate != nil {
			errs = append(errs, s.predicate.Close())
		}
	}
	return errors.Join(errs...)
}
