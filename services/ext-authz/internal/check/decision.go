package check

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"

	"edge-platform/services/ext-authz/internal/token"
)

// The identity headers belong to this service: each is either set or removed, so
// that none of a client's reaches a backend.
const (
	HeaderUserID       = "x-user-id"
	HeaderAuthProvider = "x-auth-provider"
)

// Results, as counted.
const (
	ResultAllowed = "allowed"
	ResultDenied  = "denied"
	ResultError   = "error"
)

// Reasons beside the token's own rejections.
const (
	ReasonOK        = "ok"
	ReasonRevoked   = "revoked"
	ReasonBlacklist = "blacklist_unavailable"
	ReasonDeadline  = "deadline"
	ReasonPanic     = "panic"
)

// Outcome is a result and its reason.
type Outcome struct{ Result, Reason string }

// Outcomes lists all that can be counted.
func Outcomes() []Outcome {
	all := []Outcome{
		{ResultAllowed, ReasonOK}, {ResultDenied, ReasonRevoked}, {ResultError, ReasonBlacklist},
		{ResultError, ReasonDeadline}, {ResultError, ReasonPanic},
	}
	for _, rejection := range token.Rejections() {
		all = append(all, Outcome{ResultDenied, string(rejection)})
	}
	return all
}

type decision struct {
	Outcome
	identity token.Identity
	detail   string
}

func allow(identity token.Identity) decision {
	return decision{Outcome: Outcome{ResultAllowed, ReasonOK}, identity: identity}
}

func deny(reason string) decision {
	return decision{Outcome: Outcome{ResultDenied, reason}}
}

// fail is for a question that could not be answered. Detail is for the log only.
func fail(reason, detail string) decision {
	return decision{Outcome: Outcome{ResultError, reason}, detail: detail}
}

func (d decision) response() *authv3.CheckResponse {
	switch {
	case d.Result == ResultAllowed:
		return allowed(d.identity)
	case d.Result == ResultDenied && d.Reason == string(token.Missing):
		return unauthenticated(`Bearer realm="api"`, `{"error":"missing_token"}`)
	case d.Result == ResultDenied:
		return unauthenticated(`Bearer realm="api", error="invalid_token"`, `{"error":"invalid_token"}`)
	default:
		return unavailable()
	}
}

func allowed(identity token.Identity) *authv3.CheckResponse {
	ok := &authv3.OkHttpResponse{}
	for _, one := range []struct{ name, value string }{
		{HeaderUserID, identity.Subject},
		{HeaderAuthProvider, identity.Provider},
	} {
		// Envoy removes after it sets: a name must be in one list only.
		if one.value == "" {
			ok.HeadersToRemove = append(ok.HeadersToRemove, one.name)
		} else {
			ok.Headers = append(ok.Headers, header(one.name, one.value))
		}
	}
	return &authv3.CheckResponse{
		Status:       status(codes.OK),
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok},
	}
}

func unauthenticated(challenge, body string) *authv3.CheckResponse {
	return denied(codes.Unauthenticated, typev3.StatusCode_Unauthorized, body, header("www-authenticate", challenge))
}

func unavailable() *authv3.CheckResponse {
	return denied(codes.Unavailable, typev3.StatusCode_ServiceUnavailable, `{"error":"unavailable"}`,
		header("retry-after", "1"))
}

// denied is never Envoy's error response: that one would let requests through
// where failOpen is set.
func denied(code codes.Code, http typev3.StatusCode, body string, extra *corev3.HeaderValueOption) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: status(code),
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status: &typev3.HttpStatus{Code: http},
			Headers: []*corev3.HeaderValueOption{
				header("content-type", "application/json"), header("cache-control", "no-store"), extra,
			},
			Body: body,
		}},
	}
}

// header overwrites: the zero action would append to what the client sent.
func header(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

func status(code codes.Code) *statuspb.Status { return &statuspb.Status{Code: int32(code)} }
