package transform

import (
	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

var valueToKeyDef = config.New(
	config.Key{
		Name: "fields", Type: config.TypeList, Importance: config.High, Validator: config.AnyList(false, false),
		Doc: "Names of the fields of the value that make up the new key.",
	},
	replaceNullKey(),
)

func valueToKey(v config.Values) (apply, error) {
	k := &keyMaker{fields: v.List("fields"), read: newReader(v)}
	return k.apply, nil
}

// keyMaker makes keys of fields of values.
type keyMaker struct {
	fields []string
	read   reader
	made   schemas
}

const keyPurpose = "copying fields from value to key"

func (k *keyMaker) apply(rec *connect.Transformable) (bool, error) {
	if rec.ValueSchema == nil {
		key := make(map[string]any, len(k.fields))
		for _, name := range k.fields {
			value, err := lookUp(rec.Value, name, keyPurpose)
			if err != nil {
				return false, err
			}
			key[name] = value
		}
		rec.KeySchema, rec.Key = nil, key
		return true, nil
	}
	from, err := asStruct(rec.Value, keyPurpose)
	if err != nil {
		return false, err
	}
	schema, err := k.made.of(from.Schema(), k.schema)
	if err != nil {
		return false, err
	}
	key := connect.NewStruct(schema)
	for _, name := range k.fields {
		if err := key.Put(name, k.read.get(from, name)); err != nil {
			return false, err
		}
	}
	rec.KeySchema, rec.Key = schema, key
	return true, nil
}

func (k *keyMaker) schema(of *connect.Schema) (*connect.Schema, error) {
	to := &connect.Schema{Kind: connect.StructKind}
	for _, name := range k.fields {
		f := of.Field(name)
		if f == nil {
			return nil, javaError("Field does not exist: %s", name)
		}
		if err := addField(to, name, f.Schema); err != nil {
			return nil, err
		}
	}
	return to, nil
}
