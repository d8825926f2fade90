package check

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/time/rate"
)

// DecisionLog writes decisions: every n-th that allows, and those that deny up to
// a rate, so that a flood of bad tokens does not become a flood of logs. Neither
// tokens nor claims are written.
type DecisionLog struct {
	log          *slog.Logger
	allowedEvery uint64
	allowed      atomic.Uint64
	denied       *rate.Limiter
}

// NewDecisionLog takes 0 for never.
func NewDecisionLog(log *slog.Logger, allowedEvery, deniedPerSecond int) *DecisionLog {
	return &DecisionLog{
		log:          log,
		allowedEvery: uint64(max(allowedEvery, 0)),
		denied:       rate.NewLimiter(rate.Limit(deniedPerSecond), deniedPerSecond),
	}
}

func (l *DecisionLog) write(
	ctx context.Context, d decision, http *authv3.AttributeContext_HttpRequest, took time.Duration,
) {
	if !l.wanted(d) {
		return
	}
	level := slog.LevelInfo
	if d.Result == ResultError {
		level = slog.LevelError
	}
	attributes := []slog.Attr{
		slog.String("result", d.Result),
		slog.String("reason", d.Reason),
		slog.String("request_id", requestID(http)),
		slog.String("method", shorten(http.GetMethod())),
		slog.String("path", path(http)),
		slog.Float64("took_ms", float64(took.Microseconds())/1000),
	}
	if d.detail != "" {
		attributes = append(attributes, slog.String("detail", d.detail))
	}
	l.log.LogAttrs(ctx, level, "decision", attributes...)
}

func (l *DecisionLog) wanted(d decision) bool {
	if d.Result == ResultAllowed {
		return l.allowedEvery > 0 && (l.allowed.Add(1)-1)%l.allowedEvery == 0
	}
	return l.denied.Allow()
}
