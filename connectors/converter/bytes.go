package converter

import "github.com/connectd/connectd/connect"

// ByteArray passes bytes through.
type ByteArray struct{}

// Configure has nothing to configure.
func (*ByteArray) Configure(map[string]string, bool) error { return nil }

// PassThrough is true: callers may leave the converter out for bytes and nulls.
func (*ByteArray) PassThrough() bool { return true }

// FromData gives the bytes as they are.
func (*ByteArray) FromData(_ string, schema *connect.Schema, value any) ([]byte, error) {
	if schema != nil && schema.Kind != connect.Bytes {
		return nil, wrongSchema("ByteArrayConverter", schema)
	}
	switch v := value.(type) {
	case nil:
		return nil, nil
	case []byte:
		return v, nil
	}
	return nil, wrongValue("ByteArrayConverter", value)
}

// ToData gives the bytes as they are, with the schema of optional bytes.
func (*ByteArray) ToData(_ string, data []byte) (*connect.Schema, any, error) {
	if data == nil {
		return connect.OptionalBytesSchema, nil, nil
	}
	return connect.OptionalBytesSchema, data, nil
}
