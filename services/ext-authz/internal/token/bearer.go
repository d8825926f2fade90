package token

import "strings"

const scheme = "bearer"

// Bearer takes the token out of an Authorization value: the scheme in any case,
// one space, one token of a JWT's characters, nothing else. A proxy joins repeated
// headers with commas, which is no character of a token: two credentials never
// pass as one.
func Bearer(value string, maxBytes int) (string, error) {
	if value == "" {
		return "", Missing
	}
	name, raw, found := strings.Cut(value, " ")
	if !strings.EqualFold(name, scheme) {
		return "", Scheme
	}
	if !found || raw == "" {
		return "", MalformedHeader
	}
	if len(raw) > maxBytes {
		return "", TooLarge
	}
	if !only(raw, isTokenByte) {
		return "", MalformedHeader
	}
	return raw, nil
}

func isTokenByte(c byte) bool {
	return isAlphanumeric(c) || c == '-' || c == '_' || c == '.'
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

func only(text string, allowed func(byte) bool) bool {
	for i := range len(text) {
		if !allowed(text[i]) {
			return false
		}
	}
	return true
}
