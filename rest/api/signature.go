package api

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"strings"
)

// Headers of requests between workers (KIP-507).
const (
	// SignatureHeader is the base64 HMAC of the body by the session key.
	SignatureHeader = "X-Connect-Authorization"
	// AlgorithmHeader names the HMAC, e.g. HmacSHA256.
	AlgorithmHeader = "X-Connect-Request-Signature-Algorithm"
)

// macs are the HMACs by Java's names, in lower case as Java looks them up without regard to case.
var macs = map[string]func() hash.Hash{
	"hmacmd5":        md5.New,
	"hmacsha1":       sha1.New,
	"hmacsha224":     sha256.New224,
	"hmacsha256":     sha256.New,
	"hmacsha384":     sha512.New384,
	"hmacsha512":     sha512.New,
	"hmacsha512/224": sha512.New512_224,
	"hmacsha512/256": sha512.New512_256,
	"hmacsha3-224":   func() hash.Hash { return sha3.New224() },
	"hmacsha3-256":   func() hash.Hash { return sha3.New256() },
	"hmacsha3-384":   func() hash.Hash { return sha3.New384() },
	"hmacsha3-512":   func() hash.Hash { return sha3.New512() },
}

// KnownAlgorithm tells whether requests can be signed by the HMAC of that Java name.
func KnownAlgorithm(algorithm string) bool { return macs[strings.ToLower(algorithm)] != nil }

// mac computes the HMAC of a body. The error names an unknown algorithm in Java's words.
func mac(key []byte, algorithm string, body []byte) ([]byte, error) {
	newHash := macs[strings.ToLower(algorithm)]
	if newHash == nil {
		return nil, badRequest(fmt.Sprintf("Algorithm %s not available", algorithm))
	}
	m := hmac.New(newHash, key)
	m.Write(body)
	return m.Sum(nil), nil
}

// Sign gives the value of SignatureHeader for a body. An empty body is signed too. The error is an *Error with status 400
// for an algorithm that is not known.
func Sign(key []byte, algorithm string, body []byte) (string, error) {
	sum, err := mac(key, algorithm, body)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(sum), nil
}

// ReadSignature takes the signature out of the two headers: nil if either is missing. Errors are *Error with status 400 in Java's
// words, for what cannot be one; they come whether or not the group's protocol asks for signatures.
func ReadSignature(signature, algorithm string) ([]byte, error) {
	if signature == "" || algorithm == "" {
		return nil, nil
	}
	if !KnownAlgorithm(algorithm) {
		return nil, badRequest(fmt.Sprintf("Algorithm %s not available", algorithm))
	}
	return decodeSignature(signature)
}

// CheckSignature verifies a request between workers. The arguments after the body are the two headers, then this worker's
// session key (empty while it has none) and inter.worker.verification.algorithms. Errors are *Error in Java's words: 400 for
// missing or unknown parts, 503 while there is no key, 403 for a signature that does not fit.
func CheckSignature(body []byte, signature, algorithm string, key []byte, allowed []string) error {
	given, err := ReadSignature(signature, algorithm)
	if err != nil {
		return err
	}
	if given == nil {
		return badRequest("Internal request missing required signature")
	}
	if !slices.Contains(allowed, algorithm) {
		return badRequest(fmt.Sprintf("This worker does not support the '%s' key signing algorithm used by other workers. "+
			"This worker is currently configured to use: [%s]. "+
			"Check that all workers' configuration files permit the same set of signature algorithms, "+
			"and correct any misconfigured worker and restart it.", algorithm, strings.Join(allowed, ", ")))
	}
	if len(key) == 0 {
		return &Error{
			Status:  http.StatusServiceUnavailable,
			Message: "This worker is still starting up and has not been able to read a session key from the config topic yet",
		}
	}
	want, err := mac(key, algorithm, body)
	if err != nil {
		return err
	}
	if !hmac.Equal(want, given) {
		return &Error{Status: http.StatusForbidden, Message: "Internal request contained invalid signature."}
	}
	return nil
}

// decodeSignature takes base64 with or without padding. Its complaints are those of Java's decoder.
func decodeSignature(text string) ([]byte, error) {
	if len(text) == 1 {
		return nil, badRequest("Input byte[] should at least have 2 bytes for base64 bytes")
	}
	digits, padding, padded := strings.Cut(text, "=")
	for _, c := range []byte(digits) {
		if !isDigit(c) && (!isLetter(c) || c == '_' || c == '$') && c != '+' && c != '/' {
			return nil, badRequest(fmt.Sprintf("Illegal base64 character %x", c))
		}
	}
	unit := len(digits) % 4 // characters in the last group of four
	rest := padding
	if unit == 2 {
		rest = strings.TrimPrefix(padding, "=")
	}
	switch {
	case padded && (unit == 0 || unit == 2 && rest == padding):
		return nil, badRequest("Input byte array has wrong 4-byte ending unit")
	case unit == 1:
		return nil, badRequest("Last unit does not have enough valid bits")
	case rest != "":
		return nil, badRequest(fmt.Sprintf("Input byte array has incorrect ending byte at %d", len(text)-len(rest)))
	}
	sum, err := base64.RawStdEncoding.DecodeString(digits)
	if err != nil {
		return nil, badRequest("Input byte array has wrong 4-byte ending unit")
	}
	return append([]byte{}, sum...), nil
}
