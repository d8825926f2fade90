// Package server is the outside of the service: gRPC for Envoy, HTTP for probes
// and Prometheus, readiness, and the way down.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
)

// Options are what a Server is made of.
type Options struct {
	GRPCAddr        string
	HTTPAddr        string
	MaxMessageBytes int
	MaxStreams      uint32

	// ReadinessInterval is how often Probe is asked, ProbeTimeout how long it may take.
	ReadinessInterval time.Duration
	ProbeTimeout      time.Duration
	// ShutdownDelay is for the mesh to notice, ShutdownTimeout for checks under way.
	ShutdownDelay   time.Duration
	ShutdownTimeout time.Duration

	Authorization authv3.AuthorizationServer
	Metrics       http.Handler
	// Probe says what readiness depends on.
	Probe func(context.Context) error
	// OnReady hears of every change.
	OnReady func(ready bool)
	Log     *slog.Logger
}

// Server listens from New on, and serves in Run.
type Server struct {
	Options
	grpc         *grpc.Server
	http         *http.Server
	readiness    *readiness
	grpcListener net.Listener
	httpListener net.Listener
}

// New takes both ports, so that a port in use is an error at once.
func New(o Options) (*Server, error) {
	grpcListener, err := net.Listen("tcp", o.GRPCAddr)
	if err != nil {
		return nil, fmt.Errorf("gRPC port: %w", err)
	}
	httpListener, err := net.Listen("tcp", o.HTTPAddr)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("HTTP port: %w", err), grpcListener.Close())
	}
	s := &Server{Options: o, grpcListener: grpcListener, httpListener: httpListener}
	s.readiness = newReadiness(o)
	s.grpc = newGRPC(o, s.readiness.health)
	s.http = newHTTP(o, s.readiness)
	return s, nil
}

// GRPCAddr is the address that was taken.
func (s *Server) GRPCAddr() string { return s.grpcListener.Addr().String() }

// HTTPAddr is the address that was taken.
func (s *Server) HTTPAddr() string { return s.httpListener.Addr().String() }

// Run serves until ctx ends, and then stops in order.
func (s *Server) Run(ctx context.Context) error {
	probing, stopProbing := context.WithCancel(ctx)
	defer stopProbing()
	s.readiness.check(probing)
	go s.readiness.follow(probing)

	failed := make(chan error, 2)
	go func() { failed <- s.serveGRPC() }()
	go func() { failed <- s.serveHTTP() }()
	s.Log.Info("serving", "grpc", s.GRPCAddr(), "http", s.HTTPAddr())

	var err error
	select {
	case err = <-failed:
		s.readiness.stop()
	case <-ctx.Done():
		s.withdraw()
	}
	return errors.Join(err, s.stop())
}

func (s *Server) serveGRPC() error {
	if err := s.grpc.Serve(s.grpcListener); err != nil {
		return fmt.Errorf("gRPC: %w", err)
	}
	return nil
}

func (s *Server) serveHTTP() error {
	if err := s.http.Serve(s.httpListener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("HTTP: %w", err)
	}
	return nil
}

// withdraw tells the mesh first and goes on answering until it has heard.
func (s *Server) withdraw() {
	s.readiness.stop()
	s.Log.Info("not ready, stopping", "delay", s.ShutdownDelay.String())
	time.Sleep(s.ShutdownDelay)
}

// stop lets checks under way finish, within a limit. HTTP goes last, so that the
// end can be seen.
func (s *Server) stop() error {
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.grpc.GracefulStop()
	}()
	select {
	case <-drained:
	case <-time.After(s.ShutdownTimeout):
		s.Log.Warn("connections cut", "timeout", s.ShutdownTimeout.String())
		s.grpc.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return s.http.Close()
	}
	s.Log.Info("stopped")
	return nil
}
