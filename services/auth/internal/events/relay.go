package events

import (
	"context"
	"log/slog"
	"time"

	"edge-platform/services/auth/internal/store"
)

// Outbox is where events wait.
type Outbox interface {
	Relay(ctx context.Context, send func(context.Context, []store.Event) error) (int, error)
}

// Relay carries the outbox to Kafka until the context ends, and then once more. What cannot be sent waits; it is told once.
func Relay(ctx context.Context, outbox Outbox, send func(context.Context, []store.Event) error, every time.Duration, log *slog.Logger) {
	failing := false
	for {
		sent, err := outbox.Relay(ctx, send)
		if err != nil && ctx.Err() == nil && !failing {
			log.Error("events wait in the outbox", "error", err.Error())
		} else if err == nil && failing {
			log.Info("events go out again")
		}
		failing = err != nil
		if sent > 0 && err == nil {
			continue
		}
		if !pause(ctx, every) {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			if _, err := outbox.Relay(last, send); err != nil {
				log.Warn("events stay in the outbox", "error", err.Error())
			}
			return
		}
	}
}
