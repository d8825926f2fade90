// Package token makes access tokens and says whose they are.
package token

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// ErrInvalid is all that is said of a token that is not taken: what was wrong with it helps nobody but a forger.
var ErrInvalid = errors.New("the token is not valid")

// Claims are what a token of ours says.
type Claims struct {
	Type  string   `json:"type"`
	Roles []string `json:"roles"`
	jwt.RegisteredClaims
}

// Maker signs with HMAC-SHA-256: nobody but this service has the key, and everybody else asks it.
type Maker struct {
	Secret           []byte
	Issuer, Audience string
	TTL              time.Duration
}

// Make returns a signed token of the user.
func (m Maker) Make(user string, roles []string, now time.Time) (string, error) {
	claims := Claims{
		Type:  "access",
		Roles: roles,
		RegisteredClaims: jwt.RegisteredClaims{
			ID: uuid.NewString(), Subject: user, Issuer: m.Issuer, Audience: jwt.ClaimStrings{m.Audience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(m.TTL)),
		},
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(m.Secret)
}

// Verify returns what the token says, or ErrInvalid.
func (m Maker) Verify(text string) (Claims, error) {
	var claims Claims
	_, err := jwt.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) { return m.Secret, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(m.Issuer),
		jwt.WithAudience(m.Audience), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	if err != nil || claims.Type != "access" || claims.Subject == "" || claims.ID == "" || claims.IssuedAt == nil {
		return Claims{}, ErrInvalid
	}
	return claims, nil
}
