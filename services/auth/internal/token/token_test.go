package token

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func maker() Maker {
	return Maker{Secret: []byte(strings.Repeat("k", 32)), Issuer: "https://auth.test", Audience: "immersiverse", TTL: time.Minute}
}

func TestOnlyOurOwnTokensAreTaken(t *testing.T) {
	ours, err := maker().Make("u", []string{"user"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if claims, err := maker().Verify(ours); err != nil || claims.Subject != "u" || claims.ID == "" {
		t.Fatalf("%+v %v", claims, err)
	}
	for name, change := range map[string]func(*Maker){
		"another key":      func(m *Maker) { m.Secret = []byte(strings.Repeat("x", 32)) },
		"another issuer":   func(m *Maker) { m.Issuer = "https://evil.test" },
		"another audience": func(m *Maker) { m.Audience = "other" },
		"an old one":       func(m *Maker) { m.TTL = -time.Second },
	} {
		forger := maker()
		change(&forger)
		text, err := forger.Make("u", nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := maker().Verify(text); err != ErrInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestForgedTokens(t *testing.T) {
	m := maker()
	good := jwt.MapClaims{
		"sub": "u", "jti": "1", "iss": m.Issuer, "aud": m.Audience, "type": "access",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	sign := func(method jwt.SigningMethod, key any, without, with string) string {
		claims := jwt.MapClaims{}
		for name, value := range good {
			claims[name] = value
		}
		delete(claims, without)
		if with != "" {
			claims["type"] = with
		}
		text, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if _, err := m.Verify(sign(jwt.SigningMethodHS256, m.Secret, "", "")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"unsigned":          sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "", ""),
		"another algorithm": sign(jwt.SigningMethodHS512, m.Secret, "", ""),
		"no end":            sign(jwt.SigningMethodHS256, m.Secret, "exp", ""),
		"no id":             sign(jwt.SigningMethodHS256, m.Secret, "jti", ""),
		"no subject":        sign(jwt.SigningMethodHS256, m.Secret, "sub", ""),
		"no birth":          sign(jwt.SigningMethodHS256, m.Secret, "iat", ""),
		"another type":      sign(jwt.SigningMethodHS256, m.Secret, "", "refresh"),
		"no token":          "",
	} {
		if _, err := m.Verify(text); err != ErrInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
