package clientconf

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"hash"
)

var (
	errWrongKeyPassword = errors.New("the private key can't be decrypted: ssl.key.password is wrong")
	errKeyCipher        = errors.New("the private key is encrypted in a way that is not supported; " +
		"convert it by: openssl pkcs8 -topk8 -v2 aes-256-cbc")
)

// maxIterations bounds the work that a key file can ask for; OpenSSL writes 2048, Java 10000, careful people 600000.
const maxIterations = 10_000_000

// The structures of PKCS#8 and PKCS#5 version 2 (RFC 5958, RFC 8018).
type encryptedPrivateKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct {
	KDF    pkix.AlgorithmIdentifier
	Cipher pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
)

// decryptPKCS8 opens an EncryptedPrivateKeyInfo. Whether the password was right shows for certain only when the result is
// parsed as a key.
func decryptPKCS8(der []byte, password string) ([]byte, error) {
	var info encryptedPrivateKeyInfo
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return nil, errors.New("holds an encrypted private key that can't be read")
	}
	if !info.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, errKeyCipher
	}
	var params pbes2Params
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &params); err != nil || !params.KDF.Algorithm.Equal(oidPBKDF2) {
		return nil, errKeyCipher
	}
	newCipher, keyLength, ok := blockCipher(params.Cipher.Algorithm)
	if !ok {
		return nil, errKeyCipher
	}
	key, err := deriveKey(params.KDF.Parameters.FullBytes, password, keyLength)
	if err != nil {
		return nil, err
	}
	var iv []byte
	if _, err := asn1.Unmarshal(params.Cipher.Parameters.FullBytes, &iv); err != nil {
		return nil, errKeyCipher
	}
	block, err := newCipher(key)
	if err != nil || len(iv) != block.BlockSize() || len(info.Data) == 0 || len(info.Data)%block.BlockSize() != 0 {
		return nil, errKeyCipher
	}
	plain := make([]byte, len(info.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, info.Data)
	return unpad(plain, block.BlockSize())
}

func deriveKey(der []byte, password string, length int) ([]byte, error) {
	var p pbkdf2Params
	if _, err := asn1.Unmarshal(der, &p); err != nil || p.Iterations < 1 || p.Iterations > maxIterations {
		return nil, errKeyCipher
	}
	if p.KeyLength != 0 && p.KeyLength != length {
		return nil, errKeyCipher
	}
	newHash, ok := prf(p.PRF.Algorithm)
	if !ok {
		return nil, errKeyCipher
	}
	key, err := pbkdf2.Key(newHash, password, p.Salt, p.Iterations, length)
	if err != nil {
		return nil, errKeyCipher
	}
	return key, nil
}

func prf(oid asn1.ObjectIdentifier) (func() hash.Hash, bool) {
	switch oid.String() {
	case "", "1.2.840.113549.2.7": // HMAC with SHA-1 is the default
		return sha1.New, true
	case "1.2.840.113549.2.9":
		return sha256.New, true
	case "1.2.840.113549.2.10":
		return sha512.New384, true
	case "1.2.840.113549.2.11":
		return sha512.New, true
	}
	return nil, false
}

func blockCipher(oid asn1.ObjectIdentifier) (create func([]byte) (cipher.Block, error), keyLength int, ok bool) {
	switch oid.String() {
	case "2.16.840.1.101.3.4.1.2":
		return aes.NewCipher, 16, true
	case "2.16.840.1.101.3.4.1.22":
		return aes.NewCipher, 24, true
	case "2.16.840.1.101.3.4.1.42":
		return aes.NewCipher, 32, true
	case "1.2.840.113549.3.7":
		return des.NewTripleDESCipher, 24, true
	}
	return nil, 0, false
}

// unpad removes PKCS#7 padding; padding that is wrong means a wrong password.
func unpad(plain []byte, blockSize int) ([]byte, error) {
	n := int(plain[len(plain)-1])
	if n == 0 || n > blockSize || n > len(plain) {
		return nil, errWrongKeyPassword
	}
	body, padding := plain[:len(plain)-n], plain[len(plain)-n:]
	if !bytes.Equal(padding, bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, errWrongKeyPassword
	}
	return body, nil
}
