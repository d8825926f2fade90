// Command auth is the reference Auth Service of ImmersiVerse; README.md has its settings.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"golang.org/x/crypto/bcrypt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"edge-platform/services/auth/internal/config"
	"edge-platform/services/auth/internal/events"
	"edge-platform/services/auth/internal/limit"
	"edge-platform/services/auth/internal/pb"
	"edge-platform/services/auth/internal/platform"
	"edge-platform/services/auth/internal/rpc"
	"edge-platform/services/auth/internal/sealed"
	"edge-platform/services/auth/internal/server"
	"edge-platform/services/auth/internal/store"
	"edge-platform/services/auth/internal/telemetry"
	"edge-platform/services/auth/internal/token"
)

const (
	platformTimeout = 3 * time.Second
	largestRequest  = 16 << 10 // bytes
	group           = "auth-service.token-blacklist"
	attempts        = 4
	firstDelay      = time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	settings, err := config.Load(os.LookupEnv)
	if err != nil {
		fmt.Fprintf(os.Stderr, "auth: settings:\n%v\n", err)
		os.Exit(2)
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil)).With("service", "auth-service")
	if err := run(ctx, settings, log); err != nil {
		log.Error("ended", "error", err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, c config.Config, log *slog.Logger) error {
	flush, err := telemetry.Tracing(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = flush(context.WithoutCancel(ctx)) }()
	box, err := sealed.NewBox(c.SealingKey)
	if err != nil {
		return err
	}
	database, err := store.Open(ctx, c.Database)
	if err != nil {
		return err
	}
	defer database.Pool.Close()
	kept := limit.Redis{Client: redis.NewClient(&redis.Options{
		Addr: c.Redis.Addr, Username: c.Redis.Username, Password: c.Redis.Password,
		DialTimeout: time.Second, ReadTimeout: time.Second, MaxRetries: 1,
		// Its user may say nothing but what it needs (deploy/immersiverse/redis/users).
		DisableIdentity: true, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})}
	metrics := telemetry.NewMetrics()
	platforms := platform.NewClients(c.Platforms, platformTimeout)
	background, err := startBackground(ctx, c, database, kept, platforms, box, metrics, log)
	if err != nil {
		return err
	}
	nobody, err := rpc.Nobody(bcrypt.DefaultCost)
	if err != nil {
		return err
	}
	// After the server: what the last calls left in the outbox goes out too.
	defer background()
	service := &rpc.Service{
		Users: database, Limiter: kept, Revocations: kept, Platforms: platforms, Box: box, Log: log,
		Tokens: token.Maker{
			Secret: []byte(c.JWT.Secret), Issuer: c.JWT.Issuer, Audience: c.JWT.Audience, TTL: c.JWT.TTL,
		},
		TrustedProxies: c.TrustedProxies, Cost: bcrypt.DefaultCost, Nobody: nobody,
	}
	return server.Run(ctx, grpcServer(service, metrics, log), server.Options{
		GRPCAddr: c.GRPCAddr, HTTPAddr: c.HTTPAddr, ShutdownDelay: c.ShutdownDelay,
		Metrics: promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{}),
		Ready: func(ctx context.Context) error {
			return errors.Join(database.Pool.Ping(ctx), kept.Client.Ping(ctx).Err())
		},
	})
}

func grpcServer(service *rpc.Service, metrics telemetry.Metrics, log *slog.Logger) *grpc.Server {
	count := func(method, code string) { metrics.Calls.WithLabelValues(method, code).Inc() }
	made := grpc.NewServer(
		grpc.StatsHandler(otelgrpc.NewServerHandler()),
		grpc.ChainUnaryInterceptor(rpc.Observe(log, count), service.Authenticate),
		grpc.MaxRecvMsgSize(largestRequest),
		grpc.MaxConcurrentStreams(256),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 10 * time.Minute, MaxConnectionAgeGrace: time.Minute}),
	)
	pb.RegisterAuthServiceServer(made, service)
	return made
}

// startBackground begins what runs beside the calls; the returned function ends it and waits.
func startBackground(
	ctx context.Context, c config.Config, database *store.Store, kept limit.Redis, platforms *platform.Clients,
	box sealed.Box, metrics telemetry.Metrics, log *slog.Logger,
) (func(), error) {
	producer, err := events.NewClient(c.Kafka)
	if err != nil {
		return nil, err
	}
	clients := []*kgo.Client{producer}
	// Not the signal's context: the relay ends after the server.
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	all.Go(func() {
		prepare(running, database, log)
		events.Relay(running, database, events.Sender(producer), c.RelayInterval, log)
	})
	all.Go(func() { housekeeping(running, database, platforms, box, metrics) })
	revoke := func(ctx context.Context, user string, then time.Time) error {
		return kept.RevokeUser(ctx, user, then, c.JWT.TTL+time.Minute)
	}
	for _, topic := range []string{events.Deactivated, events.Deactivated + events.Retry} {
		client, err := events.NewClient(c.Kafka, events.Options(group, topic)...)
		if err != nil {
			end()
			return nil, err
		}
		clients = append(clients, client)
		consumer := &events.Consumer{
			Client: client, Topic: events.Deactivated, Group: group, Handle: events.Deactivation(database.Deactivate, revoke),
			Attempts: attempts, Delay: firstDelay, Log: log,
			Count: func(outcome string) { metrics.Consumed.WithLabelValues(outcome).Inc() },
		}
		all.Go(func() { consumer.Run(running) })
	}
	return func() {
		end()
		all.Wait()
		for _, client := range clients {
			client.Close()
		}
	}, nil
}

// prepare makes the tables, as soon as there is a database.
func prepare(ctx context.Context, database *store.Store, log *slog.Logger) {
	for ctx.Err() == nil {
		err := database.Prepare(ctx)
		if err == nil {
			return
		}
		log.Warn("the database is not prepared", "error", err.Error())
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// housekeeping renews platforms' tokens that end soon, measures the outbox, and forgets what was sent long ago.
func housekeeping(ctx context.Context, database *store.Store, platforms *platform.Clients, box sealed.Box, metrics telemetry.Metrics) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Second):
		}
		if waiting, err := database.Waiting(ctx); err == nil {
			metrics.Waiting.Set(float64(waiting))
		}
		for found := true; found; {
			var err error
			if found, err = database.Renew(ctx, 5*time.Minute, renewal(platforms, box)); err != nil {
				break
			}
		}
		_ = database.Forget(ctx)
	}
}

func renewal(platforms *platform.Clients, box sealed.Box) func(context.Context, store.Account) (store.Account, error) {
	return func(ctx context.Context, account store.Account) (store.Account, error) {
		refresh, err := box.Open(account.RefreshToken, account.ID)
		if err != nil {
			return account, err
		}
		given, err := platforms.Renew(ctx, account.Platform, refresh)
		if err != nil {
			return account, err
		}
		return rpc.Sealed(box, account, given), nil
	}
}
