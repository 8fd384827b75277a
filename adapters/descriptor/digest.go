package descriptor

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"tongma/standard/sm"
)

// hashes are those that dialects use; md5 and sha1 are what they demand, not what we would choose.
var hashes = map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sm3": sm.New}

var digestFunctions = []function{
	digest("md5"), digest("sha1"), digest("sha256"), digest("sm3"),
	{"hmac", `hmac(hash, key, x): the bytes of an HMAC with "md5", "sha1", "sha256" or "sm3"`, hmacOf, sig(new(func(string, any, any) []byte))},
}

func digest(name string) function {
	return function{name, name + "(x): lower-case hex of the digest of text or bytes", one(func(x any) (any, error) {
		b, err := bytesOf(x)
		if err != nil {
			return nil, err
		}
		h := hashes[name]()
		h.Write(b)
		return hex.EncodeToString(h.Sum(nil)), nil
	}), sig(new(func(any) string))}
}

func hmacOf(args ...any) (any, error) {
	name := args[0].(string)
	if hashes[name] == nil {
		return nil, plain("the hash is md5, sha1, sha256 or sm3")
	}
	key, err := bytesOf(args[1])
	if err != nil {
		return nil, err
	}
	x, err := bytesOf(args[2])
	if err != nil {
		return nil, err
	}
	h := hmac.New(hashes[name], key)
	h.Write(x)
	return h.Sum(nil), nil
}
