package check

import (
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"edge-platform/services/ext-authz/internal/token"
)

const maxLoggedBytes = 256

// authorization returns the one Authorization value. Envoy sends headers either
// as a map, in which it joins repeated ones with commas, or raw, one by one.
func authorization(http *authv3.AttributeContext_HttpRequest) (string, error) {
	values := headerValues(http, "authorization")
	switch len(values) {
	case 0:
		return "", token.Missing
	case 1:
		return values[0], nil
	default:
		return "", token.Repeated
	}
}

func headerValues(http *authv3.AttributeContext_HttpRequest, name string) []string {
	var values []string
	for key, value := range http.GetHeaders() {
		if strings.EqualFold(key, name) {
			values = append(values, value)
		}
	}
	for _, one := range http.GetHeaderMap().GetHeaders() {
		if !strings.EqualFold(one.GetKey(), name) {
			continue
		}
		if raw := one.GetRawValue(); len(raw) > 0 {
			values = append(values, string(raw))
		} else {
			values = append(values, one.GetValue())
		}
	}
	return values
}

func requestID(http *authv3.AttributeContext_HttpRequest) string {
	for _, value := range headerValues(http, "x-request-id") {
		return shorten(value)
	}
	return ""
}

// path leaves out the query: it may carry codes and tokens.
func path(http *authv3.AttributeContext_HttpRequest) string {
	bare := http.GetPath()
	if end := strings.IndexAny(bare, "?#;"); end >= 0 {
		bare = bare[:end]
	}
	return shorten(bare)
}

func shorten(text string) string {
	if len(text) > maxLoggedBytes {
		text = text[:maxLoggedBytes]
	}
	return strings.ToValidUTF8(text, "?")
}
