package token

import (
	"errors"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// MinSecretBytes is the output of SHA-256: RFC 7518 asks for a key no shorter.
	MinSecretBytes = 32

	maxSecretBytes = 1024
	maxKeyIDBytes  = 128
	maxKeys        = 8
)

type key struct {
	id     string
	secret []byte
}

// Keys are the secrets with which a token may be signed: the current one, and
// during a rotation the previous ones.
type Keys []key

// ParseKeys reads one key a line, `secret` or `kid secret`. Empty lines and lines
// that start with # are left out. Errors name lines, never what is on them.
func ParseKeys(content []byte) (Keys, error) {
	var keys Keys
	var errs []error
	for number, line := range strings.Split(string(content), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		parsed, err := parseKey(fields)
		if err == nil && keys.clashes(parsed) {
			err = errors.New("this kid or secret is there already")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", number+1, err))
			continue
		}
		keys = append(keys, parsed)
	}
	if len(errs) == 0 && (len(keys) == 0 || len(keys) > maxKeys) {
		errs = append(errs, fmt.Errorf("%d keys: must be 1 to %d", len(keys), maxKeys))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return keys, nil
}

func parseKey(fields []string) (key, error) {
	id, secret := "", fields[0]
	if len(fields) == 2 {
		id, secret = fields[0], fields[1]
	}
	switch {
	case len(fields) > 2:
		return key{}, errors.New("more than a kid and a secret")
	case len(secret) < MinSecretBytes || len(secret) > maxSecretBytes:
		return key{}, fmt.Errorf("secret of %d bytes: must be %d to %d", len(secret), MinSecretBytes, maxSecretBytes)
	case len(id) > maxKeyIDBytes:
		return key{}, fmt.Errorf("kid of %d bytes: must be at most %d", len(id), maxKeyIDBytes)
	}
	return key{id: id, secret: []byte(secret)}, nil
}

func (k Keys) clashes(other key) bool {
	for _, one := range k {
		if one.id != "" && one.id == other.id || string(one.secret) == string(other.secret) {
			return true
		}
	}
	return false
}

// candidates are the keys to try. A kid that labels a key stands for that key
// alone. Any other kid may be the issuer's name for an unlabelled key.
func (k Keys) candidates(kid string) []jwt.VerificationKey {
	var labelled, unlabelled, all []jwt.VerificationKey
	for _, one := range k {
		all = append(all, one.secret)
		switch one.id {
		case "":
			unlabelled = append(unlabelled, one.secret)
		case kid:
			labelled = append(labelled, one.secret)
		}
	}
	switch {
	case kid == "":
		return all
	case labelled != nil:
		return labelled
	default:
		return unlabelled
	}
}
