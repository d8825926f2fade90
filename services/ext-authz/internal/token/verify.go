// Package token decides whether a bearer token is good, and whose it is. It knows
// nothing of gRPC or Redis.
package token

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	maxSubjectBytes  = 128
	maxIDBytes       = 128
	maxProviderBytes = 64
)

// Rules say which tokens are accepted: a token must have the issuer, the audience and the type.
type Rules struct {
	Leeway   time.Duration
	Issuer   string
	Audience string
	// TokenType is what the `type` claim must be, so that a refresh token signed
	// with the same key is no access token.
	TokenType string
	Now       func() time.Time
}

// Identity is what a good token says. Its texts are safe to be put into headers.
type Identity struct {
	Subject  string
	Provider string
	ID       string
}

// Verifier checks signatures and claims.
type Verifier struct {
	keys   func() Keys
	parser *jwt.Parser
	rules  Rules
}

// NewVerifier asks keys anew for every token, so that a rotation needs no restart.
func NewVerifier(keys func() Keys, rules Rules) *Verifier {
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(rules.Leeway),
		jwt.WithIssuer(rules.Issuer),
		jwt.WithAudience(rules.Audience),
	}
	if rules.Now != nil {
		options = append(options, jwt.WithTimeFunc(rules.Now))
	}
	return &Verifier{keys: keys, parser: jwt.NewParser(options...), rules: rules}
}

type claims struct {
	jwt.RegisteredClaims
	Provider string `json:"provider"`
	Type     string `json:"type"`
}

// Verify returns a Rejection as its error.
func (v *Verifier) Verify(raw string) (Identity, error) {
	var c claims
	parsed, err := v.parser.ParseWithClaims(raw, &c, v.candidates)
	if err != nil {
		return Identity{}, rejection(parsed, c, err)
	}
	if err := v.checkClaims(c); err != nil {
		return Identity{}, err
	}
	return Identity{Subject: c.Subject, Provider: c.Provider, ID: c.ID}, nil
}

func (v *Verifier) candidates(parsed *jwt.Token) (any, error) {
	if _, found := parsed.Header["crit"]; found {
		return nil, CriticalHeader
	}
	kid, err := keyID(parsed.Header)
	if err != nil {
		return nil, err
	}
	keys := v.keys().candidates(kid)
	if len(keys) == 0 {
		return nil, UnknownKey
	}
	return jwt.VerificationKeySet{Keys: keys}, nil
}

func keyID(header map[string]any) (string, error) {
	value, found := header["kid"]
	if !found {
		return "", nil
	}
	kid, ok := value.(string)
	if !ok || len(kid) > maxKeyIDBytes {
		return "", UnknownKey
	}
	return kid, nil
}

func (v *Verifier) checkClaims(c claims) error {
	switch {
	case c.Type != v.rules.TokenType:
		return Type
	case !isName(c.Subject, maxSubjectBytes):
		return Subject
	case !isName(c.ID, maxIDBytes):
		return ID
	case c.Provider != "" && !isName(c.Provider, maxProviderBytes):
		return Provider
	}
	return nil
}

// isName keeps out whatever could mean something in a header or a log: blanks,
// commas, semicolons, quotes, control characters, anything beyond ASCII.
func isName(text string, maxBytes int) bool {
	return text != "" && len(text) <= maxBytes && only(text, isNameByte)
}

func isNameByte(c byte) bool {
	switch c {
	case '-', '_', '.', '~', ':', '@', '|', '+', '/', '=':
		return true
	}
	return isAlphanumeric(c)
}

// The order matters: the first that fits is the reason.
var reasons = []struct {
	err       error
	rejection Rejection
}{
	{jwt.ErrTokenMalformed, Malformed},
	{jwt.ErrTokenSignatureInvalid, Signature},
	{jwt.ErrTokenExpired, Expired},
	{jwt.ErrTokenNotValidYet, NotYetValid},
	{jwt.ErrTokenUsedBeforeIssued, IssuedInFuture},
	{jwt.ErrTokenInvalidIssuer, Issuer},
	{jwt.ErrTokenInvalidAudience, Audience},
}

func rejection(parsed *jwt.Token, c claims, err error) Rejection {
	var own Rejection
	if errors.As(err, &own) {
		return own
	}
	if parsed != nil && parsed.Header != nil && parsed.Header["alg"] != jwt.SigningMethodHS256.Alg() {
		return Algorithm
	}
	if errors.Is(err, jwt.ErrTokenRequiredClaimMissing) {
		return missingClaim(c)
	}
	for _, one := range reasons {
		if errors.Is(err, one.err) {
			return one.rejection
		}
	}
	return Malformed
}

// missingClaim finds out which one: the library has one error for all.
func missingClaim(c claims) Rejection {
	switch {
	case c.ExpiresAt == nil:
		return NoExpiry
	case c.Issuer == "":
		return Issuer
	default:
		return Audience
	}
}
