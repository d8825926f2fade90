package token

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func at(offset time.Duration) int64 { return noon.Add(offset).Unix() }

// good is a token's claims with changes; nil takes a claim away.
func good(changes map[string]any) jwt.MapClaims {
	claims := jwt.MapClaims{
		"sub": "user-1", "jti": "id-1", "provider": "kakao", "type": "access", "iss": "auth", "aud": "api",
		"iat": at(-time.Minute), "nbf": at(-time.Minute), "exp": at(time.Hour),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

func sign(t testing.TB, method jwt.SigningMethod, key any, header map[string]any, claims jwt.Claims) string {
	t.Helper()
	unsigned := jwt.NewWithClaims(method, claims)
	maps.Copy(unsigned.Header, header)
	maps.DeleteFunc(unsigned.Header, func(_ string, value any) bool { return value == nil })
	raw, err := unsigned.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func hs256(t testing.TB, changes map[string]any) string {
	return sign(t, jwt.SigningMethodHS256, []byte(first), nil, good(changes))
}

func verifier(t testing.TB, rules Rules, lines ...string) *Verifier {
	t.Helper()
	keys, err := ParseKeys([]byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	rules.Issuer, rules.Audience, rules.TokenType = "auth", "api", "access"
	rules.Now = func() time.Time { return noon }
	return NewVerifier(func() Keys { return keys }, rules)
}

func standard(t testing.TB) *Verifier {
	return verifier(t, Rules{Leeway: 5 * time.Second}, first)
}

func TestGoodTokenTellsWhoseItIs(t *testing.T) {
	got, err := standard(t).Verify(hs256(t, nil))
	if err != nil || got != (Identity{Subject: "user-1", Provider: "kakao", ID: "id-1"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestClaims(t *testing.T) {
	long := strings.Repeat("a", 129)
	for name, one := range map[string]struct {
		changes map[string]any
		want    error
	}{
		"no provider":                  {map[string]any{"provider": nil}, nil},
		"empty provider":               {map[string]any{"provider": ""}, nil},
		"no type":                      {map[string]any{"type": nil}, Type},
		"no iat, no nbf":               {map[string]any{"iat": nil, "nbf": nil}, nil},
		"expires now, within leeway":   {map[string]any{"exp": at(0)}, nil},
		"expired, within leeway":       {map[string]any{"exp": at(-4 * time.Second)}, nil},
		"expired at the end of leeway": {map[string]any{"exp": at(-5 * time.Second)}, Expired},
		"expired":                      {map[string]any{"exp": at(-time.Hour)}, Expired},
		"no exp":                       {map[string]any{"exp": nil}, NoExpiry},
		"exp is a text":                {map[string]any{"exp": "tomorrow"}, Malformed},
		"exp is negative":              {map[string]any{"exp": -1}, Expired},
		"valid soon, within leeway":    {map[string]any{"nbf": at(5 * time.Second)}, nil},
		"valid soon":                   {map[string]any{"nbf": at(6 * time.Second)}, NotYetValid},
		"issued soon, within leeway":   {map[string]any{"iat": at(5 * time.Second)}, nil},
		"issued in the future":         {map[string]any{"iat": at(6 * time.Second)}, IssuedInFuture},
		"refresh token":                {map[string]any{"type": "refresh"}, Type},
		"type is a number":             {map[string]any{"type": 1}, Malformed},
		"no sub":                       {map[string]any{"sub": nil}, Subject},
		"empty sub":                    {map[string]any{"sub": ""}, Subject},
		"sub is a number":              {map[string]any{"sub": 1}, Malformed},
		"sub with line break":          {map[string]any{"sub": "1\r\nx-admin: 1"}, Subject},
		"sub with comma":               {map[string]any{"sub": "1,2"}, Subject},
		"sub with blank":               {map[string]any{"sub": "1 2"}, Subject},
		"sub beyond ASCII":             {map[string]any{"sub": "사용자"}, Subject},
		"sub too long":                 {map[string]any{"sub": long}, Subject},
		"no jti":                       {map[string]any{"jti": nil}, ID},
		"jti too long":                 {map[string]any{"jti": long}, ID},
		"jti with a line break":        {map[string]any{"jti": "a\nb"}, ID},
		"provider with line break":     {map[string]any{"provider": "kakao\r\nx: y"}, Provider},
		"provider with comma":          {map[string]any{"provider": "kakao,google"}, Provider},
		"provider beyond ASCII":        {map[string]any{"provider": "카카오"}, Provider},
		"provider too long":            {map[string]any{"provider": strings.Repeat("a", 65)}, Provider},
		"provider is a list":           {map[string]any{"provider": []string{"kakao"}}, Malformed},
		"empty type":                   {map[string]any{"type": ""}, Type},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := standard(t).Verify(hs256(t, one.changes))
			if !errors.Is(err, one.want) || (err != nil && got != Identity{}) {
				t.Errorf("%+v, %v; want %v", got, err, one.want)
			}
		})
	}
}

func TestIssuerAndAudience(t *testing.T) {
	v := standard(t)
	for name, one := range map[string]struct {
		changes map[string]any
		want    error
	}{
		"both right":          {map[string]any{"iss": "auth", "aud": "api"}, nil},
		"one audience of two": {map[string]any{"iss": "auth", "aud": []string{"x", "api"}}, nil},
		"other issuer":        {map[string]any{"iss": "x", "aud": "api"}, Issuer},
		"no issuer":           {map[string]any{"iss": nil}, Issuer},
		"other audience":      {map[string]any{"iss": "auth", "aud": "x"}, Audience},
		"no audience":         {map[string]any{"aud": nil}, Audience},
		"no exp either":       {map[string]any{"exp": nil}, NoExpiry},
		"no audience of ours": {map[string]any{"aud": []string{"x", "y"}}, Audience},
		"empty list":          {map[string]any{"aud": []string{}}, Audience},
		"empty issuer":        {map[string]any{"iss": ""}, Issuer},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := v.Verify(hs256(t, one.changes)); !errors.Is(err, one.want) {
				t.Errorf("%v; want %v", err, one.want)
			}
		})
	}
}

func segment(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// relabelled is signed well with HS256, under a header that says something else.
func relabelled(t testing.TB, header map[string]any) string {
	t.Helper()
	text := segment(t, header) + "." + segment(t, good(nil))
	signature, err := jwt.SigningMethodHS256.Sign(text, []byte(first))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestOnlyHS256(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claims := good(nil)
	for name, raw := range map[string]string{
		"none":                    sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, claims),
		"HS384":                   sign(t, jwt.SigningMethodHS384, []byte(first), nil, claims),
		"HS512":                   sign(t, jwt.SigningMethodHS512, []byte(first), nil, claims),
		"RS256":                   sign(t, jwt.SigningMethodRS256, private, nil, claims),
		"RS256 signed as HS256":   relabelled(t, map[string]any{"alg": "RS256"}),
		"none signed as HS256":    relabelled(t, map[string]any{"alg": "none"}),
		"no alg":                  relabelled(t, map[string]any{"typ": "JWT"}),
		"alg in lower case":       relabelled(t, map[string]any{"alg": "hs256"}),
		"alg is a list":           relabelled(t, map[string]any{"alg": []string{"HS256"}}),
		"alg is null":             relabelled(t, map[string]any{"alg": nil}),
		"unknown alg":             relabelled(t, map[string]any{"alg": "XS256"}),
		"none without signature":  segment(t, map[string]any{"alg": "none"}) + "." + segment(t, claims) + ".",
		"None in mixed case":      segment(t, map[string]any{"alg": "NoNe"}) + "." + segment(t, claims) + ".",
		"empty alg":               relabelled(t, map[string]any{"alg": ""}),
		"alg and ALG":             relabelled(t, map[string]any{"ALG": "HS256"}),
		"encrypted (JWE) headers": relabelled(t, map[string]any{"alg": "dir", "enc": "A256GCM"}),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := standard(t).Verify(raw); !errors.Is(err, Algorithm) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A key file may hold what an attacker knows: a public key must not work as a secret
// for anything but what the file says.
func TestPublicKeyAsSecretIsOnlyASecret(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	known := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	raw := sign(t, jwt.SigningMethodHS256, known, nil, good(nil))
	if _, err := standard(t).Verify(raw); !errors.Is(err, Signature) {
		t.Errorf("%v", err)
	}
}

func TestMalformedAndTampered(t *testing.T) {
	raw := hs256(t, nil)
	parts := strings.Split(raw, ".")
	other := strings.Split(hs256(t, map[string]any{"sub": "root"}), ".")
	last := raw[len(raw)-1:]
	for name, one := range map[string]struct {
		raw  string
		want error
	}{
		"empty":                      {"", Malformed},
		"dots":                       {"..", Malformed},
		"two parts":                  {parts[0] + "." + parts[1], Malformed},
		"four parts":                 {raw + ".x", Malformed},
		"header is no base64":        {"a." + parts[1] + "." + parts[2], Malformed},
		"header is no JSON":          {"YWJj." + parts[1] + "." + parts[2], Malformed},
		"header is null":             {"bnVsbA." + parts[1] + "." + parts[2], Malformed},
		"claims are no JSON":         {parts[0] + ".YWJj." + parts[2], Malformed},
		"claims are a list":          {parts[0] + ".W10." + parts[2], Malformed},
		"claims of another token":    {parts[0] + "." + other[1] + "." + parts[2], Signature},
		"signature of another token": {parts[0] + "." + parts[1] + "." + other[2], Signature},
		"no signature":               {parts[0] + "." + parts[1] + ".", Signature},
		"signature cut":              {raw[:len(raw)-3], Signature},
		"signature with loose bits":  {strings.TrimSuffix(raw, last) + next(last), Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := standard(t).Verify(one.raw); !errors.Is(err, one.want) {
				t.Errorf("%v; want %v", err, one.want)
			}
		})
	}
}

// next is a character with the same upper bits: 32 bytes leave two bits unused in
// the last one, and a lax decoder would take both.
func next(last string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.Index(alphabet, last)^1])
}

func TestKeyRotation(t *testing.T) {
	header := func(kid any) map[string]any { return map[string]any{"kid": kid} }
	for name, one := range map[string]struct {
		lines  []string
		secret string
		header map[string]any
		want   error
	}{
		"current, no kid":                  {[]string{second, first}, second, nil, nil},
		"previous, no kid":                 {[]string{second, first}, first, nil, nil},
		"previous taken away":              {[]string{second}, first, nil, Signature},
		"labelled, no kid":                 {[]string{"k2 " + second, "k1 " + first}, first, nil, nil},
		"by kid":                           {[]string{"k2 " + second, "k1 " + first}, first, header("k1"), nil},
		"kid of another key":               {[]string{"k2 " + second, "k1 " + first}, first, header("k2"), Signature},
		"unknown kid, all labelled":        {[]string{"k2 " + second, "k1 " + first}, first, header("k3"), UnknownKey},
		"unknown kid, unlabelled key":      {[]string{"k2 " + second, first}, first, header("k3"), nil},
		"unknown kid, labelled key's":      {[]string{"k2 " + second, first}, second, header("k3"), Signature},
		"empty kid":                        {[]string{"k1 " + first}, first, header(""), nil},
		"kid is a number":                  {[]string{first}, first, header(1), UnknownKey},
		"kid is null":                      {[]string{first}, first, map[string]any{"kid": json.RawMessage("null")}, UnknownKey},
		"kid is a path":                    {[]string{"k1 " + first}, first, header("../../dev/null"), UnknownKey},
		"kid too long":                     {[]string{first}, first, header(strings.Repeat("k", 129)), UnknownKey},
		"critical extension":               {[]string{first}, first, map[string]any{"crit": []string{"b64"}, "b64": false}, CriticalHeader},
		"key in the token's own header":    {[]string{first}, third, map[string]any{"jwk": map[string]string{"k": third}}, Signature},
		"key address in the token's jku":   {[]string{first}, third, map[string]any{"jku": "https://example.com"}, Signature},
		"secret that only starts the same": {[]string{first}, first[:len(first)-1], nil, Signature},
	} {
		t.Run(name, func(t *testing.T) {
			raw := sign(t, jwt.SigningMethodHS256, []byte(one.secret), one.header, good(nil))
			if _, err := verifier(t, Rules{}, one.lines...).Verify(raw); !errors.Is(err, one.want) {
				t.Errorf("%v; want %v", err, one.want)
			}
		})
	}
}

func TestNoKeysDenies(t *testing.T) {
	v := NewVerifier(func() Keys { return nil }, Rules{Now: func() time.Time { return noon }})
	if _, err := v.Verify(hs256(t, nil)); !errors.Is(err, UnknownKey) {
		t.Errorf("%v", err)
	}
}

// FuzzVerify feeds tokens that nobody signed: none may pass.
func FuzzVerify(f *testing.F) {
	raw := hs256(f, nil)
	for _, seed := range []string{
		"", "..", raw[:len(raw)-1], raw + "x", segment(f, map[string]any{"alg": "none"}) + "." + segment(f, good(nil)) + ".",
		relabelled(f, map[string]any{"alg": "RS256"}), relabelled(f, map[string]any{"alg": "HS256", "crit": 1}),
		sign(f, jwt.SigningMethodHS512, []byte(first), nil, good(nil)),
	} {
		f.Add(seed)
	}
	v := standard(f)
	f.Fuzz(func(t *testing.T, text string) {
		_, err := v.Verify(text)
		var rejection Rejection
		if err == nil || !errors.As(err, &rejection) {
			t.Fatalf("Verify(%q): %v", text, err)
		}
	})
}

// FuzzSignedClaims feeds claims that are signed well: whatever passes is safe to be
// put into headers and still valid.
func FuzzSignedClaims(f *testing.F) {
	for _, changes := range []map[string]any{
		nil, {"provider": "a\r\nb"}, {"sub": "a,b"}, {"exp": 1e300}, {"exp": nil}, {"jti": nil}, {"aud": []string{"x"}},
	} {
		text, err := json.Marshal(good(changes))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`null`))
	f.Add([]byte(`{"sub":"a","jti":"b","exp":99999999999999999999}`))
	v := standard(f)
	head := segment(f, map[string]any{"alg": "HS256"})
	f.Fuzz(func(t *testing.T, payload []byte) {
		text := head + "." + base64.RawURLEncoding.EncodeToString(payload)
		signature, err := jwt.SigningMethodHS256.Sign(text, []byte(first))
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Verify(text + "." + base64.RawURLEncoding.EncodeToString(signature))
		if err != nil {
			return
		}
		for _, value := range []string{got.Subject, got.ID, got.Provider + "x"} {
			if value == "" || len(value) > 129 || strings.ContainsAny(value, " ,;\"\r\n\t\x00") {
				t.Fatalf("%q passed from %q", value, payload)
			}
		}
	})
}
