package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

const (
	maxHeaderBytes    = 16 << 10
	connectionTimeout = 5 * time.Second
)

func newGRPC(o Options, states *health.Server) *grpc.Server {
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(o.MaxMessageBytes),
		grpc.MaxConcurrentStreams(o.MaxStreams),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.ConnectionTimeout(connectionTimeout),
		// Connections end now and then, so that a new replica gets its share.
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge:      30 * time.Minute,
			MaxConnectionAgeGrace: 5 * time.Second,
			Time:                  30 * time.Second,
			Timeout:               10 * time.Second,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             10 * time.Second,
			PermitWithoutStream: true,
		}),
		grpc.UnaryInterceptor(recoverUnary(o.Log)),
	)
	authv3.RegisterAuthorizationServer(server, o.Authorization)
	healthv1.RegisterHealthServer(server, states)
	return server
}

// recoverUnary is the last net: an error denies, a crash would drop every check
// under way.
func recoverUnary(log *slog.Logger) grpc.UnaryServerInterceptor {
	return func(
		ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler,
	) (response any, err error) {
		defer func() {
			if value := recover(); value != nil {
				log.ErrorContext(ctx, "panic", "method", info.FullMethod, "value", fmt.Sprintf("%T", value))
				response, err = nil, status.Error(codes.Internal, "internal error")
			}
		}()
		return next(ctx, request)
	}
}
