package check

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/grpc/codes"

	"edge-platform/services/ext-authz/internal/token"
)

// verdicts maps what is in the header to an identity or an error.
type verdicts map[string]any

func (v verdicts) Verify(raw string) (token.Identity, error) {
	switch verdict := v[raw].(type) {
	case token.Identity:
		return verdict, nil
	case error:
		return token.Identity{}, verdict
	default:
		panic("secret-" + raw)
	}
}

type revocations func(ctx context.Context, id string) (bool, error)

func (r revocations) IsRevoked(ctx context.Context, id string) (bool, error) { return r(ctx, id) }

func listed(ids ...string) revocations {
	return func(_ context.Context, id string) (bool, error) {
		for _, one := range ids {
			if one == id {
				return true, nil
			}
		}
		return false, nil
	}
}

type recorder struct {
	mu        sync.Mutex
	decisions []Outcome
	redis     []string
}

func (r *recorder) Decided(result, reason string, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.decisions = append(r.decisions, Outcome{result, reason})
}

func (r *recorder) RedisFailed(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.redis = append(r.redis, kind)
}

// lines collects a log that several goroutines write.
type lines struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(text)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

type fixture struct {
	*Service
	recorder *recorder
	log      *lines
}

var (
	kakao = token.Identity{Subject: "user-1", Provider: "kakao", ID: "id-1"}
	plain = token.Identity{Subject: "user-2", ID: "id-2"}
)

func fixtureWith(r revocations) fixture {
	f := fixture{recorder: &recorder{}, log: &lines{}}
	f.Service = New(Options{
		Verifier: verdicts{
			"good": kakao, "plain": plain, "old": token.Expired, "odd": errors.New("no rejection"),
		},
		Revocations:   r,
		Recorder:      f.recorder,
		Log:           NewDecisionLog(slog.New(slog.NewJSONHandler(f.log, nil)), 1, 1000),
		Deadline:      50 * time.Millisecond,
		MaxTokenBytes: 64,
	})
	return f
}

func request(headers map[string]string) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Path: "/api/v1/my/items?code=s3cret", Headers: headers,
		}},
	}}
}

func bearer(raw string) *authv3.CheckRequest {
	return request(map[string]string{
		"authorization": "Bearer " + raw, "x-refresh-token": "refresh-s3cret", "x-request-id": "request-1",
		"x-user-id": "root", "x-auth-provider": "forged", "cookie": "s_access=s3cret",
	})
}

func (f fixture) check(t testing.TB, request *authv3.CheckRequest) *authv3.CheckResponse {
	t.Helper()
	response, err := f.Check(context.Background(), request)
	if err != nil {
		t.Fatalf("an error is no denial: %v", err)
	}
	return response
}

func (f fixture) decided(t testing.TB, want Outcome) {
	t.Helper()
	if got := f.recorder.decisions; len(got) != 1 || got[0] != want {
		t.Errorf("counted %v; want %v", got, want)
	}
}

func wantDenied(t testing.TB, response *authv3.CheckResponse, http typev3.StatusCode, body string) {
	t.Helper()
	denied := response.GetDeniedResponse()
	if denied.GetStatus().GetCode() != http || denied.GetBody() != body {
		t.Errorf("%v; want %v %s", response, http, body)
	}
	if response.GetStatus().GetCode() == int32(codes.OK) || response.GetOkResponse() != nil || response.GetErrorResponse() != nil {
		t.Errorf("no denial: %v", response)
	}
	if !json.Valid([]byte(denied.GetBody())) {
		t.Errorf("no JSON: %s", denied.GetBody())
	}
	for _, one := range denied.GetHeaders() {
		if name := one.GetHeader().GetKey(); name == HeaderUserID || name == HeaderAuthProvider {
			t.Errorf("a denial says %s", name)
		}
	}
}

func headers(options []*corev3.HeaderValueOption) map[string]string {
	found := map[string]string{}
	for _, one := range options {
		found[one.GetHeader().GetKey()] = one.GetHeader().GetValue()
	}
	return found
}

func TestAllowedOverwritesIdentityHeaders(t *testing.T) {
	f := fixtureWith(listed())
	response := f.check(t, bearer("good"))
	ok := response.GetOkResponse()
	if response.GetStatus().GetCode() != int32(codes.OK) || ok == nil {
		t.Fatalf("%v", response)
	}
	got := headers(ok.GetHeaders())
	if len(ok.GetHeaders()) != 2 || got[HeaderUserID] != "user-1" || got[HeaderAuthProvider] != "kakao" {
		t.Errorf("%v", ok.GetHeaders())
	}
	for _, one := range ok.GetHeaders() {
		if one.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			t.Errorf("%s: %v", one.GetHeader().GetKey(), one.GetAppendAction())
		}
	}
	if len(ok.GetHeadersToRemove()) != 0 {
		t.Errorf("removed after being set: %v", ok.GetHeadersToRemove())
	}
	f.decided(t, Outcome{ResultAllowed, ReasonOK})
}

func TestIdentityHeaderWithoutValueIsRemoved(t *testing.T) {
	ok := fixtureWith(listed()).check(t, bearer("plain")).GetOkResponse()
	if got := headers(ok.GetHeaders()); len(got) != 1 || got[HeaderUserID] != "user-2" {
		t.Errorf("set %v", got)
	}
	if got := ok.GetHeadersToRemove(); len(got) != 1 || got[0] != HeaderAuthProvider {
		t.Errorf("removed %v", got)
	}
}

func TestDenials(t *testing.T) {
	const invalid = `Bearer realm="api", error="invalid_token"`
	raw := func(values ...string) *authv3.CheckRequest {
		r := request(nil)
		list := &corev3.HeaderMap{}
		for _, value := range values {
			list.Headers = append(list.Headers, &corev3.HeaderValue{Key: "authorization", RawValue: []byte(value)})
		}
		r.Attributes.Request.Http.HeaderMap = list
		return r
	}
	both := raw("Bearer good")
	both.Attributes.Request.Http.Headers = map[string]string{"authorization": "Bearer good"}
	for name, one := range map[string]struct {
		request   *authv3.CheckRequest
		reason    string
		challenge string
		body      string
	}{
		"nil":                 {nil, "missing_token", `Bearer realm="api"`, `{"error":"missing_token"}`},
		"empty":               {&authv3.CheckRequest{}, "missing_token", `Bearer realm="api"`, `{"error":"missing_token"}`},
		"no header":           {request(nil), "missing_token", `Bearer realm="api"`, `{"error":"missing_token"}`},
		"only a cookie":       {request(map[string]string{"cookie": "s_access=good"}), "missing_token", `Bearer realm="api"`, `{"error":"missing_token"}`},
		"only a refresh one":  {request(map[string]string{"x-refresh-token": "good"}), "missing_token", `Bearer realm="api"`, `{"error":"missing_token"}`},
		"basic":               {request(map[string]string{"authorization": "Basic YTpi"}), "unsupported_scheme", invalid, `{"error":"invalid_token"}`},
		"joined":              {request(map[string]string{"authorization": "Bearer good,Bearer good"}), "malformed_header", invalid, `{"error":"invalid_token"}`},
		"repeated, raw":       {raw("Bearer good", "Bearer good"), "repeated_header", invalid, `{"error":"invalid_token"}`},
		"in both lists":       {both, "repeated_header", invalid, `{"error":"invalid_token"}`},
		"two spellings":       {request(map[string]string{"authorization": "Bearer good", "Authorization": "Bearer good"}), "repeated_header", invalid, `{"error":"invalid_token"}`},
		"too large":           {bearer(strings.Repeat("a", 65)), "token_too_large", invalid, `{"error":"invalid_token"}`},
		"rejected":            {bearer("old"), "expired", invalid, `{"error":"invalid_token"}`},
		"rejected, no reason": {bearer("odd"), "malformed_token", invalid, `{"error":"invalid_token"}`},
		"revoked":             {bearer("good"), "revoked", invalid, `{"error":"invalid_token"}`},
	} {
		t.Run(name, func(t *testing.T) {
			f := fixtureWith(listed("id-1"))
			response := f.check(t, one.request)
			wantDenied(t, response, typev3.StatusCode_Unauthorized, one.body)
			if got := headers(response.GetDeniedResponse().GetHeaders()); got["www-authenticate"] != one.challenge ||
				got["content-type"] != "application/json" || got["cache-control"] != "no-store" {
				t.Errorf("%v", got)
			}
			f.decided(t, Outcome{ResultDenied, one.reason})
		})
	}
}

func TestRawHeaderIsRead(t *testing.T) {
	r := request(nil)
	r.Attributes.Request.Http.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{
		{Key: "authorization", RawValue: []byte("Bearer good")}, {Key: "x-request-id", Value: "request-1"},
	}}
	f := fixtureWith(listed())
	if f.check(t, r).GetOkResponse() == nil || !strings.Contains(f.log.String(), `"request_id":"request-1"`) {
		t.Errorf("%v, %s", f.recorder.decisions, f.log)
	}
}

func TestFailsClosed(t *testing.T) {
	for name, one := range map[string]struct {
		revocations revocations
		reason      string
		redis       string
	}{
		"error":                {func(context.Context, string) (bool, error) { return false, errors.New("down") }, ReasonBlacklist, "connection"},
		"error and an answer":  {func(context.Context, string) (bool, error) { return true, errors.New("down") }, ReasonBlacklist, "connection"},
		"heeds the deadline":   {func(ctx context.Context, _ string) (bool, error) { <-ctx.Done(); return false, ctx.Err() }, "", ""},
		"ignores the deadline": {func(context.Context, string) (bool, error) { time.Sleep(time.Second); return false, nil }, ReasonDeadline, ""},
		"panics":               {func(context.Context, string) (bool, error) { panic("s3cret") }, ReasonPanic, ""},
		"panics, runtime":      {func(context.Context, string) (bool, error) { return []bool{}[len("x")], nil }, ReasonPanic, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := fixtureWith(one.revocations)
			started := time.Now()
			response := f.check(t, bearer("good"))
			if took := time.Since(started); took > 500*time.Millisecond {
				t.Errorf("took %s", took)
			}
			wantDenied(t, response, typev3.StatusCode_ServiceUnavailable, `{"error":"unavailable"}`)
			if headers(response.GetDeniedResponse().GetHeaders())["retry-after"] == "" {
				t.Error("no retry-after")
			}
			if one.reason != "" {
				f.decided(t, Outcome{ResultError, one.reason})
			}
			if one.redis != "" && (len(f.recorder.redis) != 1 || f.recorder.redis[0] != one.redis) {
				t.Errorf("redis errors %v", f.recorder.redis)
			}
		})
	}
}

func TestVerifierThatPanicsDenies(t *testing.T) {
	f := fixtureWith(listed())
	wantDenied(t, f.check(t, bearer("unexpected")), typev3.StatusCode_ServiceUnavailable, `{"error":"unavailable"}`)
	f.decided(t, Outcome{ResultError, ReasonPanic})
	if log := f.log.String(); strings.Contains(log, "secret-unexpected") || !strings.Contains(log, "check_test.go") {
		t.Errorf("the log has the panic's value or no stack: %s", log)
	}
}

func TestCallersDeadlineIsNeverExceeded(t *testing.T) {
	f := fixtureWith(func(ctx context.Context, _ string) (bool, error) {
		deadline, found := ctx.Deadline()
		if left := time.Until(deadline); !found || left > 10*time.Millisecond {
			t.Errorf("asked with %s left", left)
		}
		return false, nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := f.Check(ctx, bearer("good")); err != nil {
		t.Error(err)
	}
}

func TestOwnDeadlineIsSet(t *testing.T) {
	f := fixtureWith(func(ctx context.Context, _ string) (bool, error) {
		deadline, found := ctx.Deadline()
		if left := time.Until(deadline); !found || left > 50*time.Millisecond {
			t.Errorf("asked with %s left", left)
		}
		return false, nil
	})
	f.check(t, bearer("good"))
}

func TestBlacklistIsNotAskedAboutBadTokens(t *testing.T) {
	f := fixtureWith(func(context.Context, string) (bool, error) {
		t.Error("asked")
		return false, nil
	})
	f.check(t, bearer("old"))
}

func TestLogTellsNoSecrets(t *testing.T) {
	for _, r := range []revocations{
		listed(), listed("id-1"), func(context.Context, string) (bool, error) { return false, errors.New("s3cret") },
	} {
		f := fixtureWith(r)
		f.check(t, bearer("good"))
		line := f.log.String()
		for _, secret := range []string{"s3cret", "good", "user-1", "id-1", "kakao", "root"} {
			if strings.Contains(line, secret) {
				t.Errorf("%q is in %s", secret, line)
			}
		}
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry["request_id"] != "request-1" || entry["path"] != "/api/v1/my/items" || entry["method"] != "GET" {
			t.Errorf("%v", entry)
		}
	}
}

func TestLogBoundsWhatClientsSend(t *testing.T) {
	f := fixtureWith(listed())
	f.check(t, request(map[string]string{"x-request-id": "\"\n\xff" + strings.Repeat("a", 10_000)}))
	if line := f.log.String(); len(line) > 1000 || strings.Count(line, "\n") != 1 || !json.Valid([]byte(line)) {
		t.Errorf("%d bytes: %s", len(line), line)
	}
}

func TestLogSamples(t *testing.T) {
	for name, one := range map[string]struct{ every, perSecond, allowed, denied int }{
		"all":            {1, 1000, 10, 10},
		"every fifth":    {5, 1000, 2, 10},
		"none":           {0, 0, 0, 0},
		"denied at most": {0, 3, 0, 3},
	} {
		t.Run(name, func(t *testing.T) {
			f := fixtureWith(listed())
			f.Log = NewDecisionLog(slog.New(slog.NewJSONHandler(f.log, nil)), one.every, one.perSecond)
			for range 10 {
				f.check(t, bearer("good"))
				f.check(t, bearer("old"))
			}
			text := f.log.String()
			allowed, denied := strings.Count(text, `"result":"allowed"`), strings.Count(text, `"result":"denied"`)
			if allowed != one.allowed || denied != one.denied {
				t.Errorf("%d allowed, %d denied", allowed, denied)
			}
		})
	}
}

func TestEveryOutcomeIsListed(t *testing.T) {
	seen := map[Outcome]bool{}
	for _, one := range Outcomes() {
		if seen[one] {
			t.Errorf("%v twice", one)
		}
		seen[one] = true
	}
	if len(seen) != len(token.Rejections())+5 {
		t.Errorf("%d outcomes", len(seen))
	}
}

// FuzzCheck sends headers as a proxy might: only the one good value is let through.
func FuzzCheck(f *testing.F) {
	f.Add("Bearer good", "", "/")
	f.Add("Bearer good", "Bearer good", "/a?b")
	f.Add("bearer  good", "\xff", "\x00")
	f.Fuzz(func(t *testing.T, joined, raw, path string) {
		s := fixtureWith(listed())
		s.Verifier = verifierFunc(func(raw string) (token.Identity, error) {
			if raw == "good" {
				return kakao, nil
			}
			return token.Identity{}, token.Signature
		})
		r := request(map[string]string{"authorization": joined, "x-request-id": raw})
		r.Attributes.Request.Http.Path = path
		if raw != "" {
			r.Attributes.Request.Http.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{
				{Key: "Authorization", RawValue: []byte(raw)},
			}}
		}
		passed := s.check(t, r).GetOkResponse() != nil
		if passed != (strings.EqualFold(joined, "bearer good") && strings.HasSuffix(joined, "good") && raw == "") {
			t.Errorf("%q, %q: passed %t", joined, raw, passed)
		}
		if line := s.log.String(); !json.Valid([]byte(line)) {
			t.Errorf("log: %s", line)
		}
	})
}

type verifierFunc func(string) (token.Identity, error)

func (v verifierFunc) Verify(raw string) (token.Identity, error) { return v(raw) }
