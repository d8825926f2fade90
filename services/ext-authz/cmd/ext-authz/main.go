// Command ext-authz answers Envoy's external authorization calls: it verifies the
// bearer token of a request, asks Redis whether it was revoked, and tells the
// upstream whose request it is.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"

	"edge-platform/services/ext-authz/internal/blacklist"
	"edge-platform/services/ext-authz/internal/check"
	"edge-platform/services/ext-authz/internal/config"
	"edge-platform/services/ext-authz/internal/metrics"
	"edge-platform/services/ext-authz/internal/server"
	"edge-platform/services/ext-authz/internal/token"
)

// probeTimeout may be longer than a check's deadline: readiness is asked on its own.
const probeTimeout = time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	settings, err := config.Load(os.LookupEnv)
	if err != nil {
		fmt.Fprintf(os.Stderr, "ext-authz: settings:\n%v\n", err)
		os.Exit(2)
	}
	log := newLog(os.Stdout, settings.Log.Level)
	app, err := newApp(settings, log)
	if err == nil {
		err = app.run(ctx)
	}
	if err != nil {
		log.Error("ended", "error", err.Error())
		os.Exit(1)
	}
}

func newLog(to io.Writer, level slog.Level) *slog.Logger {
	log := slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: level})).With("service", "ext-authz")
	slog.SetDefault(log)
	redis.SetLogger(redisLog{log})
	return log
}

// redisLog keeps the client's own chatter out of the way: its errors are counted.
type redisLog struct{ log *slog.Logger }

func (r redisLog) Printf(ctx context.Context, format string, v ...any) {
	r.log.DebugContext(ctx, "redis", "message", fmt.Sprintf(format, v...))
}

type app struct {
	*server.Server
	settings config.Config
	keyring  *token.Keyring
	revoked  *blacklist.Blacklist
	metrics  *metrics.Metrics
	log      *slog.Logger
}

func newApp(c config.Config, log *slog.Logger) (*app, error) {
	a := &app{settings: c, log: log, metrics: newMetrics()}
	var err error
	if a.keyring, err = token.OpenKeyring(c.JWT.SecretFile); err != nil {
		return nil, fmt.Errorf("JWT_SECRET_FILE: %w", err)
	}
	a.metrics.SetKeys(len(a.keyring.Keys()))
	if a.revoked, err = blacklist.Open(blacklist.Options(c.Redis)); err != nil {
		return nil, err
	}
	if a.Server, err = server.New(a.serverOptions()); err != nil {
		return nil, errors.Join(err, a.revoked.Close())
	}
	return a, nil
}

func newMetrics() *metrics.Metrics {
	m := metrics.New()
	for _, outcome := range check.Outcomes() {
		m.Expect(outcome.Result, outcome.Reason)
	}
	for _, kind := range blacklist.Kinds() {
		m.ExpectRedisError(kind)
	}
	return m
}

func (a *app) serverOptions() server.Options {
	c := a.settings
	return server.Options{
		GRPCAddr:          c.GRPC.Addr,
		HTTPAddr:          c.HTTPAddr,
		MaxMessageBytes:   c.GRPC.MaxMessageBytes,
		MaxStreams:        uint32(c.GRPC.MaxStreams),
		ReadinessInterval: c.Lifecycle.ReadinessInterval,
		ProbeTimeout:      probeTimeout,
		ShutdownDelay:     c.Lifecycle.ShutdownDelay,
		ShutdownTimeout:   c.Lifecycle.ShutdownTimeout,
		Authorization:     a.authorization(),
		Metrics:           promhttp.HandlerFor(a.metrics.Registry, promhttp.HandlerOpts{}),
		Probe:             a.probe,
		OnReady:           a.metrics.SetReady,
		Log:               a.log,
	}
}

func (a *app) authorization() *check.Service {
	c := a.settings
	return check.New(check.Options{
		Verifier: token.NewVerifier(a.keyring.Keys, token.Rules{
			Leeway:    c.JWT.Leeway,
			Issuer:    c.JWT.Issuer,
			Audience:  c.JWT.Audience,
			TokenType: c.JWT.TokenType,
		}),
		Revocations:   a.revoked,
		Recorder:      a.metrics,
		Log:           check.NewDecisionLog(a.log, c.Log.AllowedEvery, c.Log.DeniedPerSecond),
		Deadline:      c.Deadline,
		MaxTokenBytes: c.JWT.MaxBytes,
	})
}

func (a *app) probe(ctx context.Context) error {
	if len(a.keyring.Keys()) == 0 {
		return errors.New("no keys")
	}
	if err := a.revoked.Ping(ctx); err != nil {
		return fmt.Errorf("redis: %s", blacklist.Kind(err))
	}
	return nil
}

func (a *app) run(ctx context.Context) error {
	go a.keyring.Follow(ctx, a.settings.JWT.ReloadInterval, a.keysReloaded)
	return errors.Join(a.Run(ctx), a.revoked.Close())
}

func (a *app) keysReloaded(keys int, err error) {
	if err != nil {
		a.metrics.KeysReloaded("failed", 1)
		a.log.Error("key file not taken, the keys before stay", "error", err.Error())
		return
	}
	a.metrics.KeysReloaded("ok", 1)
	a.metrics.SetKeys(keys)
	a.log.Info("keys changed", "keys", keys)
}
