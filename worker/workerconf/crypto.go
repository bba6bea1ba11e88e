package workerconf

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/config"
)

const maxInt32 = 1<<31 - 1

// algorithm is one of Java's Mac and KeyGenerator algorithms. keyBits is the key size that Java takes by default.
type algorithm struct {
	name    string
	keyBits int
}

// aes is no MAC, but Java allows making keys for it, which then sign like any others.
const aes = "AES"

// hmacs returns the algorithms by lower-cased name, as Java looks them up in any case.
func hmacs() map[string]algorithm {
	all := []algorithm{
		{"HmacMD5", 512},
		{"HmacSHA1", 512},
		{"HmacSHA224", 224},
		{"HmacSHA256", 256},
		{"HmacSHA384", 384},
		{"HmacSHA512", 512},
		{"HmacSHA512/224", 224},
		{"HmacSHA512/256", 256},
		{"HmacSHA3-224", 224},
		{"HmacSHA3-256", 256},
		{"HmacSHA3-384", 384},
		{"HmacSHA3-512", 512},
	}
	byName := make(map[string]algorithm, len(all))
	for _, a := range all {
		byName[strings.ToLower(a.name)] = a
	}
	return byName
}

func macAlgorithms() []string {
	var names []string
	for _, a := range hmacs() {
		names = append(names, a.name)
	}
	slices.Sort(names)
	return names
}

func keyAlgorithms() []string { return append([]string{aes}, macAlgorithms()...) }

func listing(names []string) string { return strings.Join(names, ", ") }

// KeyBits returns how many random bits make a key: size where it is not 0, else Java's default for the algorithm.
func KeyBits(keyAlgorithm string, size int) (int, error) {
	if strings.EqualFold(keyAlgorithm, aes) {
		if size == 0 {
			size = 128
		}
		if size != 128 && size != 192 && size != 256 {
			return 0, fmt.Errorf("wrong keysize: must be equal to 128, 192 or 256")
		}
		return size, nil
	}
	a, ok := hmacs()[strings.ToLower(keyAlgorithm)]
	switch {
	case !ok:
		return 0, fmt.Errorf("unknown algorithm %s; the supported algorithms are: %s", keyAlgorithm, listing(keyAlgorithms()))
	case size == 0:
		return a.keyBits, nil
	case size < 40:
		return 0, fmt.Errorf("key length must be at least 40 bits")
	}
	return size, nil
}

func unsupported(name string, value any, supported []string) error {
	return config.Invalid(name, value, "the algorithm is not supported; the supported algorithms are: "+listing(supported))
}

func keyAlgorithmValidator() config.Validator {
	return config.Check("Any KeyGenerator algorithm supported by the worker", func(name string, value any) error {
		if s, ok := value.(string); ok && slices.ContainsFunc(keyAlgorithms(), func(a string) bool { return strings.EqualFold(a, s) }) {
			return nil
		}
		return unsupported(name, value, keyAlgorithms())
	})
}

func macValidator() config.Validator {
	return config.Check("Any MAC algorithm supported by the worker", func(name string, value any) error {
		if s, ok := value.(string); ok {
			if _, known := hmacs()[strings.ToLower(s)]; known {
				return nil
			}
		}
		return unsupported(name, value, macAlgorithms())
	})
}

func macListValidator() config.Validator {
	return config.Check("A list of one or more MAC algorithms, each supported by the worker", func(name string, value any) error {
		list, _ := value.([]string)
		if len(list) == 0 {
			return config.Invalid(name, value, "At least one signature verification algorithm must be provided")
		}
		for _, s := range list {
			if err := macValidator().Validate(name, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// protocols maps what connect.protocol may be.
func protocols() map[string]Protocol {
	return map[string]Protocol{"eager": ProtocolEager, "compatible": ProtocolCompatible, "sessioned": ProtocolSessioned}
}

func protocolValidator() config.Validator {
	return config.Check("[eager, compatible, sessioned]", func(name string, value any) error {
		s, _ := value.(string)
		if _, ok := protocols()[strings.ToLower(s)]; ok {
			return nil
		}
		names := slices.Sorted(maps.Keys(protocols()))
		return config.Invalid(name, value, "Invalid Connect protocol compatibility; allowed are "+listing(names))
	})
}
