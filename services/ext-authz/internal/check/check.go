// Package check answers Envoy: it puts the token's verdict and the blacklist's
// together, within a deadline, and denies whatever it cannot decide.
package check

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"edge-platform/services/ext-authz/internal/blacklist"
	"edge-platform/services/ext-authz/internal/token"
)

// Verifier tells whose token this is, or returns a token.Rejection.
type Verifier interface {
	Verify(raw string) (token.Identity, error)
}

// Revocations tells whether a token's id is on the blacklist.
type Revocations interface {
	IsRevoked(ctx context.Context, id string) (bool, error)
}

// Recorder counts.
type Recorder interface {
	Decided(result, reason string, took time.Duration)
	RedisFailed(kind string)
}

// Options are what a Service is made of.
type Options struct {
	Verifier      Verifier
	Revocations   Revocations
	Recorder      Recorder
	Log           *DecisionLog
	Deadline      time.Duration
	MaxTokenBytes int
}

// Service is envoy.service.auth.v3.Authorization.
type Service struct {
	authv3.UnimplementedAuthorizationServer
	Options
}

// New makes a Service.
func New(o Options) *Service { return &Service{Options: o} }

// Check never returns an error: a denial is an answer, and Envoy could be told to
// let errors pass.
func (s *Service) Check(ctx context.Context, request *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	started := time.Now()
	http := request.GetAttributes().GetRequest().GetHttp()
	verdict := s.bounded(ctx, http)
	took := time.Since(started)
	s.Recorder.Decided(verdict.Result, verdict.Reason, took)
	s.Log.write(ctx, verdict, http, took)
	return verdict.response(), nil
}

// bounded answers when the deadline passes, also if something below does not heed it.
func (s *Service) bounded(ctx context.Context, http *authv3.AttributeContext_HttpRequest) decision {
	ctx, cancel := context.WithTimeout(ctx, s.Deadline)
	defer cancel()
	identity, early := s.identify(http)
	if early.Result != "" {
		return early
	}
	answer := make(chan decision, 1)
	go func() { answer <- s.revocation(ctx, identity) }()
	select {
	case verdict := <-answer:
		return verdict
	case <-ctx.Done():
		return fail(ReasonDeadline, ctx.Err().Error())
	}
}

// identify returns a decision when the token alone settles it.
func (s *Service) identify(http *authv3.AttributeContext_HttpRequest) (identity token.Identity, early decision) {
	defer s.recovered(&early)
	identity, err := s.verify(http)
	var rejection token.Rejection
	switch {
	case err == nil:
		return identity, decision{}
	case errors.As(err, &rejection):
		return identity, deny(string(rejection))
	default:
		return identity, deny(string(token.Malformed))
	}
}

func (s *Service) verify(http *authv3.AttributeContext_HttpRequest) (token.Identity, error) {
	value, err := authorization(http)
	if err != nil {
		return token.Identity{}, err
	}
	raw, err := token.Bearer(value, s.MaxTokenBytes)
	if err != nil {
		return token.Identity{}, err
	}
	return s.Verifier.Verify(raw)
}

func (s *Service) revocation(ctx context.Context, identity token.Identity) (verdict decision) {
	defer s.recovered(&verdict)
	revoked, err := s.Revocations.IsRevoked(ctx, identity.ID)
	switch {
	case err != nil:
		kind := blacklist.Kind(err)
		s.Recorder.RedisFailed(kind)
		return fail(ReasonBlacklist, kind)
	case revoked:
		return deny(ReasonRevoked)
	default:
		return allow(identity)
	}
}

// recovered turns a panic into a denial. The log gets the stack, and of the value
// no more than its type unless it is the runtime's own: it may hold a token.
func (s *Service) recovered(verdict *decision) {
	value := recover()
	if value == nil {
		return
	}
	what := fmt.Sprintf("%T", value)
	if own, ok := value.(runtime.Error); ok {
		what = own.Error()
	}
	s.Log.log.Error("panic", "value", what, "stack", string(debug.Stack()))
	*verdict = fail(ReasonPanic, what)
}
