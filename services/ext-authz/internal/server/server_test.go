package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const patience = 10 * time.Second

type authorization func(context.Context) (*authv3.CheckResponse, error)

func (a authorization) Check(ctx context.Context, _ *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return a(ctx)
}

func instant(context.Context) (*authv3.CheckResponse, error) { return &authv3.CheckResponse{}, nil }

type running struct {
	*Server
	client authv3.AuthorizationClient
	health healthv1.HealthClient
	stop   context.CancelFunc
	ended  chan error
	down   atomic.Bool
	ready  atomic.Bool
}

func run(t *testing.T, a authorization, change func(*Options)) *running {
	t.Helper()
	r := &running{ended: make(chan error, 1)}
	options := Options{
		GRPCAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", MaxMessageBytes: 4096, MaxStreams: 100,
		ReadinessInterval: 5 * time.Millisecond, ProbeTimeout: time.Second,
		ShutdownDelay: 100 * time.Millisecond, ShutdownTimeout: patience,
		Authorization: a, Metrics: http.NotFoundHandler(),
		Probe: func(context.Context) error {
			if r.down.Load() {
				return errors.New("down")
			}
			return nil
		},
		OnReady: r.ready.Store,
		Log:     slog.New(slog.NewJSONHandler(io.Discard, nil)),
	}
	if change != nil {
		change(&options)
	}
	var err error
	if r.Server, err = New(options); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	t.Cleanup(cancel)
	go func() { r.ended <- r.Run(ctx) }()
	connection, err := grpc.NewClient(r.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	r.client, r.health = authv3.NewAuthorizationClient(connection), healthv1.NewHealthClient(connection)
	r.becomes(t, "", healthv1.HealthCheckResponse_SERVING)
	return r
}

func (r *running) state(service string) healthv1.HealthCheckResponse_ServingStatus {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	response, err := r.health.Check(ctx, &healthv1.HealthCheckRequest{Service: service})
	if err != nil {
		return healthv1.HealthCheckResponse_UNKNOWN
	}
	return response.GetStatus()
}

func (r *running) becomes(t *testing.T, service string, want healthv1.HealthCheckResponse_ServingStatus) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if r.state(service) == want {
			return
		}
	}
	t.Fatalf("%q is %s", service, r.state(service))
}

func (r *running) check() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := r.client.Check(ctx, &authv3.CheckRequest{})
	return err
}

func (r *running) get(t *testing.T, path string) int {
	t.Helper()
	response, err := http.Get("http://" + r.HTTPAddr() + path)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func (r *running) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(2 * patience):
		t.Fatal("still running")
		return nil
	}
}

func TestReadinessFollowsTheProbeAndLivenessDoesNot(t *testing.T) {
	r := run(t, instant, nil)
	const service = "envoy.service.auth.v3.Authorization"
	for _, down := range []bool{false, true, false} {
		r.down.Store(down)
		want, code := healthv1.HealthCheckResponse_SERVING, http.StatusOK
		if down {
			want, code = healthv1.HealthCheckResponse_NOT_SERVING, http.StatusServiceUnavailable
		}
		r.becomes(t, service, want)
		r.becomes(t, "", want)
		if got := r.get(t, "/readyz"); got != code || r.ready.Load() == down {
			t.Errorf("down %t: /readyz %d, reported %t", down, got, r.ready.Load())
		}
		if got := r.get(t, "/healthz"); got != http.StatusOK || r.state(LivenessService) != healthv1.HealthCheckResponse_SERVING {
			t.Errorf("down %t: /healthz %d, %s", down, got, r.state(LivenessService))
		}
	}
}

func TestStopsInOrder(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	r := run(t, func(context.Context) (*authv3.CheckResponse, error) {
		close(entered)
		<-leave
		return &authv3.CheckResponse{}, nil
	}, nil)
	answered := make(chan error, 1)
	go func() { answered <- r.check() }()
	<-entered
	r.stop()
	r.becomes(t, "", healthv1.HealthCheckResponse_NOT_SERVING)
	if got := r.get(t, "/readyz"); got != http.StatusServiceUnavailable || r.ready.Load() {
		t.Errorf("/readyz %d, reported %t", got, r.ready.Load())
	}
	if got := r.state(LivenessService); got != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("restarted while stopping: %s", got)
	}
	close(leave)
	if err := <-answered; err != nil {
		t.Errorf("a check under way was cut: %v", err)
	}
	if err := r.wait(t); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", r.GRPCAddr()); err == nil {
		t.Error("still listening")
	}
}

func TestAnswersWhileTheMeshHasNotHeardYet(t *testing.T) {
	r := run(t, instant, func(o *Options) { o.ShutdownDelay = time.Second })
	r.stop()
	r.becomes(t, "", healthv1.HealthCheckResponse_NOT_SERVING)
	if err := r.check(); err != nil {
		t.Error(err)
	}
}

func TestDrainHasALimit(t *testing.T) {
	r := run(t, func(ctx context.Context) (*authv3.CheckResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}, func(o *Options) { o.ShutdownDelay, o.ShutdownTimeout = 0, 50*time.Millisecond })
	watch, err := r.health.Watch(context.Background(), &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	cut := make(chan error, 1)
	go func() { cut <- r.check() }()
	r.stop()
	if err := r.wait(t); err != nil {
		t.Error(err)
	}
	if err := <-cut; err == nil {
		t.Error("answered")
	}
}

func TestPanicIsAnErrorAndNoCrash(t *testing.T) {
	calls := 0
	r := run(t, func(context.Context) (*authv3.CheckResponse, error) {
		if calls++; calls == 1 {
			panic("s3cret")
		}
		return &authv3.CheckResponse{}, nil
	}, nil)
	if err := r.check(); status.Code(err) != codes.Internal || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
	if err := r.check(); err != nil {
		t.Errorf("after the panic: %v", err)
	}
}

func TestLargeMessageIsRefused(t *testing.T) {
	r := run(t, instant, nil)
	large := &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		ContextExtensions: map[string]string{"a": strings.Repeat("a", 5000)},
	}}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := r.client.Check(ctx, large); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("%v", err)
	}
}

func TestNothingElseIsServed(t *testing.T) {
	r := run(t, instant, nil)
	services := r.grpc.GetServiceInfo()
	if len(services) != 2 {
		t.Errorf("%v", services)
	}
	for path, want := range map[string]int{"/": 404, "/debug/pprof/": 404, "/metrics": 404, "/healthz": 200} {
		if got := r.get(t, path); got != want {
			t.Errorf("%s: %d", path, got)
		}
	}
}

func TestPortInUseIsSaidAtOnce(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	addr := taken.Addr().String()
	if _, err := New(Options{GRPCAddr: addr, HTTPAddr: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "gRPC port") {
		t.Errorf("%v", err)
	}
	if _, err := New(Options{GRPCAddr: "127.0.0.1:0", HTTPAddr: addr}); err == nil || !strings.Contains(err.Error(), "HTTP port") {
		t.Errorf("%v", err)
	}
}

func TestListenerThatBreaksEndsTheServer(t *testing.T) {
	for name, listener := range map[string]func(*Server) net.Listener{
		"gRPC": func(s *Server) net.Listener { return s.grpcListener },
		"HTTP": func(s *Server) net.Listener { return s.httpListener },
	} {
		r := run(t, instant, nil)
		_ = listener(r.Server).Close()
		if err := r.wait(t); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
