package token

import (
	"errors"
	"strings"
	"testing"
)

const limit = 64

func TestBearer(t *testing.T) {
	for name, one := range map[string]struct {
		value string
		token string
		err   error
	}{
		"good":                       {"Bearer a.b.c", "a.b.c", nil},
		"scheme in lower case":       {"bearer a.b.c", "a.b.c", nil},
		"scheme in upper case":       {"BEARER a.b.c", "a.b.c", nil},
		"all characters of a token":  {"Bearer aZ09-_.", "aZ09-_.", nil},
		"as long as allowed":         {"Bearer " + strings.Repeat("a", limit), strings.Repeat("a", limit), nil},
		"one byte longer":            {"Bearer " + strings.Repeat("a", limit+1), "", TooLarge},
		"empty":                      {"", "", Missing},
		"basic":                      {"Basic YTpi", "", Scheme},
		"token without scheme":       {"a.b.c", "", Scheme},
		"scheme with a suffix":       {"Bearerx a.b.c", "", Scheme},
		"scheme with another letter": {"ßearer a.b.c", "", Scheme},
		"blank before":               {" Bearer a.b.c", "", Scheme},
		"tab between":                {"Bearer\ta.b.c", "", Scheme},
		"colon":                      {"Bearer: a.b.c", "", Scheme},
		"scheme alone":               {"Bearer", "", MalformedHeader},
		"scheme and blank":           {"Bearer ", "", MalformedHeader},
		"two blanks":                 {"Bearer  a.b.c", "", MalformedHeader},
		"blank after":                {"Bearer a.b.c ", "", MalformedHeader},
		"two tokens":                 {"Bearer a.b.c d.e.f", "", MalformedHeader},
		"two headers joined":         {"Bearer a.b.c,Bearer d.e.f", "", MalformedHeader},
		"two headers joined, basic":  {"Basic YTpi, Bearer d.e.f", "", Scheme},
		"parameters":                 {`Bearer token="a.b.c"`, "", MalformedHeader},
		"line break":                 {"Bearer a.b.c\r\nx-user-id: 1", "", MalformedHeader},
		"NUL":                        {"Bearer a.b.c\x00", "", MalformedHeader},
		"DEL":                        {"Bearer a.b\x7f.c", "", MalformedHeader},
		"not ASCII":                  {"Bearer a.b.ç", "", MalformedHeader},
		"not UTF-8":                  {"Bearer a.b.\xff", "", MalformedHeader},
		"padding":                    {"Bearer a.b.c=", "", MalformedHeader},
		"slash of plain base64":      {"Bearer a/b.c.d", "", MalformedHeader},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Bearer(one.value, limit)
			if got != one.token || !errors.Is(err, one.err) {
				t.Errorf("Bearer(%q) = %q, %v; want %q, %v", one.value, got, err, one.token, one.err)
			}
		})
	}
}

func FuzzBearer(f *testing.F) {
	for _, seed := range []string{
		"", "Bearer a.b.c", "bearer a.b.c", "Bearer  a", "Bearer a,Bearer b", "Bearer a\r\nb: c", "Basic YTpi",
		"Bearer \x00", "Bearer " + strings.Repeat("a", limit+1), "ſearer a", "Bearer \xf0\x9f",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		raw, err := Bearer(value, limit)
		var rejection Rejection
		if err != nil && (!errors.As(err, &rejection) || raw != "") {
			t.Fatalf("Bearer(%q) = %q, %v", value, raw, err)
		}
		if err == nil && (!strings.EqualFold(value, "bearer "+raw) || len(raw) > limit || strings.ContainsAny(raw, " ,\r\n\t\x00")) {
			t.Fatalf("Bearer(%q) let %q pass", value, raw)
		}
	})
}
