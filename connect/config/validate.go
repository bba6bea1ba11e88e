package config

import (
	"slices"
)

// Value is what validation says about one key: the content of one entry of Connect's ConfigInfos.
type Value struct {
	Name string
	// Value is the parsed value or default; nil where there is none or it could not be read.
	Value             any
	RecommendedValues []any
	// Errors are whole sentences in Java's words.
	Errors []string
	// Visible is false where a Recommender finds that the key does not apply.
	Visible bool
}

// Validate checks props against every key and returns one Value per key in order of declaration, followed by
// one for each name that is a dependent of some key but not declared. It never fails: faults are in the Values.
func (d *Def) Validate(props map[string]string) []Value {
	run := validation{def: d, props: props, parsed: map[string]any{}, values: map[string]*Value{}}
	names := append(d.Names(), d.undefinedDependents()...)
	for _, name := range names {
		run.values[name] = &Value{Name: name, Visible: true}
	}
	for _, name := range names[len(d.keys):] {
		run.values[name].Errors = []string{name + " is referred in the dependents, but not defined."}
		run.values[name].Visible = false
	}
	roots := d.withoutParent()
	for _, k := range roots {
		run.parse(k, nil)
	}
	for _, k := range roots {
		run.recommend(k, nil)
	}
	out := make([]Value, len(names))
	for i, name := range names {
		out[i] = *run.values[name]
	}
	return out
}

// validation walks from the keys that depend on nothing down to their dependents, first to parse, then to ask
// the recommenders, who may look at every parsed value.
type validation struct {
	def    *Def
	props  map[string]string
	parsed map[string]any
	values map[string]*Value
}

func (r *validation) parse(k *Key, path []string) {
	v := r.values[k.Name]
	value, err := r.def.parseKey(k, r.props)
	v.fail(err)
	if k.Validator != nil {
		// Java asks the validator even where reading failed: "abc" for tasks.max is two faults.
		v.fail(k.Validator.Validate(k.Name, value))
	}
	v.Value = value
	r.parsed[k.Name] = value
	r.dependents(k, path, r.parse)
}

func (r *validation) recommend(k *Key, path []string) {
	if k.Recommender != nil {
		v := r.values[k.Name]
		values, err := k.Recommender.ValidValues(k.Name, r.parsed)
		if err != nil {
			v.fail(err)
		} else {
			v.narrow(values)
			v.Visible = k.Recommender.Visible(k.Name, r.parsed)
		}
	}
	r.dependents(k, path, r.recommend)
}

// dependents visits the keys below k; path breaks circles in the declaration.
func (r *validation) dependents(k *Key, path []string, visit func(*Key, []string)) {
	path = append(slices.Clip(path), k.Name)
	for _, name := range k.Dependents {
		if dep, ok := r.def.byName[name]; ok && !slices.Contains(path, name) {
			visit(dep, path)
		}
	}
}

func (v *Value) fail(err error) {
	if err != nil {
		v.Errors = append(v.Errors, err.Error())
	}
}

// narrow keeps of the newly recommended values those that an earlier visit also recommended.
func (v *Value) narrow(values []any) {
	if len(v.RecommendedValues) > 0 {
		values = slices.DeleteFunc(slices.Clone(values), func(x any) bool {
			return !slices.ContainsFunc(v.RecommendedValues, func(y any) bool { return javaString(x) == javaString(y) })
		})
	}
	v.RecommendedValues = values
}

func (d *Def) undefinedDependents() []string {
	var names []string
	for _, k := range d.keys {
		for _, dep := range k.Dependents {
			if _, ok := d.byName[dep]; !ok && !slices.Contains(names, dep) {
				names = append(names, dep)
			}
		}
	}
	return names
}

func (d *Def) withoutParent() []*Key {
	child := map[string]bool{}
	for _, k := range d.keys {
		for _, dep := range k.Dependents {
			child[dep] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(d.keys), func(k *Key) bool { return child[k.Name] })
}
