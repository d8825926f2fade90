// Package server is the life of the process: gRPC with its health, HTTP for probes and metrics, and a stop that loses no call.
package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const (
	stopWithin   = 10 * time.Second
	probeTimeout = time.Second
)

// Options of a server. Ready is asked every second; while it fails the service says that it serves nothing.
type Options struct {
	GRPCAddr, HTTPAddr string
	ShutdownDelay      time.Duration
	Ready              func(context.Context) error
	Metrics            http.Handler
}

// Run serves until the context ends; then it says so to who asks for its health, waits for them to hear of it, and ends what is begun.
func Run(ctx context.Context, server *grpc.Server, o Options) error {
	state := health.NewServer()
	grpc_health_v1.RegisterHealthServer(server, state)
	state.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	// Alive, whatever it waits for: a restart brings no database back.
	state.SetServingStatus("liveness", grpc_health_v1.HealthCheckResponse_SERVING)
	listener, err := net.Listen("tcp", o.GRPCAddr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", o.Metrics)
	web := &http.Server{Addr: o.HTTPAddr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(listener) }()
	go func() { failed <- web.ListenAndServe() }()
	go watch(ctx, state, o.Ready)
	select {
	case err = <-failed:
	case <-ctx.Done():
		state.Shutdown()
		time.Sleep(o.ShutdownDelay)
	}
	stop(server)
	return errors.Join(err, web.Close())
}

func watch(ctx context.Context, state *health.Server, ready func(context.Context) error) {
	for ctx.Err() == nil {
		asked, cancel := context.WithTimeout(ctx, probeTimeout)
		now := grpc_health_v1.HealthCheckResponse_SERVING
		if ready(asked) != nil {
			now = grpc_health_v1.HealthCheckResponse_NOT_SERVING
		}
		cancel()
		state.SetServingStatus("", now)
		select {
		case <-ctx.Done():
		case <-time.After(probeTimeout):
		}
	}
}

func stop(server *grpc.Server) {
	done := make(chan struct{})
	go func() { server.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-time.After(stopWithin):
		server.Stop()
	}
}
