package rpc

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"edge-platform/services/auth/internal/pb"
	"edge-platform/services/auth/internal/token"
)

// roles are who may call a method as whom (§9.2); a method that is not here needs no token.
var roles = map[string]string{pb.AuthService_ConnectPlatformAccount_FullMethodName: "user"}

type callerKey struct{}

// callerOf is the user whose token came with the call.
func callerOf(ctx context.Context) (string, bool) {
	user, ok := ctx.Value(callerKey{}).(string)
	return user, ok
}

// Authenticate asks for a token, and for the role, where a method needs one (§2.3).
func (s *Service) Authenticate(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	role, needed := roles[info.FullMethod]
	if !needed {
		return next(ctx, in)
	}
	text, ok := bearer(ctx)
	if !ok {
		return nil, status.Error(codes.Unauthenticated, token.ErrInvalid.Error())
	}
	claims, err := s.valid(ctx, text)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(claims.Roles, role) {
		return nil, status.Error(codes.PermissionDenied, "this is not for your role")
	}
	return next(context.WithValue(ctx, callerKey{}, claims.Subject), in)
}

func bearer(ctx context.Context) (string, bool) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, text, found := strings.Cut(values[0], " ")
	return text, found && strings.EqualFold(scheme, "bearer") && text != ""
}

// Observe logs and counts each call, never what is in it, and turns a panic into INTERNAL.
func Observe(log *slog.Logger, count func(method, code string)) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (out any, err error) {
		started := time.Now()
		defer func() {
			if fault := recover(); fault != nil {
				log.ErrorContext(ctx, "panic", "fault", fault, "stack", string(debug.Stack()))
				out, err = nil, status.Error(codes.Internal, "internal error")
			}
			method, code := info.FullMethod[strings.LastIndex(info.FullMethod, "/")+1:], status.Code(err).String()
			count(method, code)
			log.InfoContext(ctx, "call", "method", method, "code", code, "ms", time.Since(started).Milliseconds(),
				"trace", trace.SpanContextFromContext(ctx).TraceID().String())
		}()
		return next(ctx, in)
	}
}

// clientAddress is whom the gateway saw: of X-Forwarded-For, the entry before those of the trusted proxies. What clients write stands
// further left. Without one (a call from within the mesh) it is the peer.
func clientAddress(ctx context.Context, trustedProxies int) string {
	entries := strings.Split(strings.Join(metadata.ValueFromIncomingContext(ctx, "x-forwarded-for"), ","), ",")
	if at := len(entries) - 1 - trustedProxies; at >= 0 {
		if address, err := netip.ParseAddr(strings.TrimSpace(entries[at])); err == nil {
			return oneClients(address)
		}
	}
	if from, ok := peer.FromContext(ctx); ok {
		if host, _, err := net.SplitHostPort(from.Addr.String()); err == nil {
			return host
		}
	}
	return "unknown"
}

// oneClients is what of an address belongs to one client: of IPv6 the first 64 bits, since whoever has one has all of them.
func oneClients(address netip.Addr) string {
	address = address.Unmap().WithZone("")
	if address.Is4() {
		return address.String()
	}
	network, _ := address.Prefix(64)
	return network.Masked().String()
}
