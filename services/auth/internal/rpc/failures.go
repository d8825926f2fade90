package rpc

import (
	"context"
	"errors"
	"net/mail"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"edge-platform/services/auth/internal/pb"
	"edge-platform/services/auth/internal/platform"
)

// internal is the database's failure and every other that is ours (§7.1): the log has the reason, the caller has none.
func (s *Service) internal(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return status.Error(codes.DeadlineExceeded, "it took too long")
	}
	s.Log.ErrorContext(ctx, "failed", "error", err.Error())
	return status.Error(codes.Internal, "internal error")
}

// unavailable is what passes: the caller may try again.
func (s *Service) unavailable(ctx context.Context, err error) error {
	s.Log.ErrorContext(ctx, "not available", "error", err.Error())
	return status.Error(codes.Unavailable, "not available; try again later")
}

func (s *Service) ofPlatform(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, platform.ErrUnknown):
		return status.Error(codes.NotFound, "there is no such platform")
	case errors.Is(err, platform.ErrRefused):
		return status.Error(codes.InvalidArgument, "the platform does not take this code")
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "the platform took too long")
	default:
		return s.unavailable(ctx, err)
	}
}

func invalid(what string) error { return status.Error(codes.InvalidArgument, what) }

const (
	longestEmail     = 254
	shortestPassword = 12
	longestPassword  = 72 // bytes: bcrypt looks at no more
	longestName      = 64
	longestCode      = 2048
)

// validEmail returns the address in the one form in which it is kept and counted.
func validEmail(text string) (string, error) {
	found := strings.ToLower(strings.TrimSpace(text))
	parsed, err := mail.ParseAddress(found)
	if err != nil || parsed.Address != found || len(found) > longestEmail {
		return "", invalid("email: not an address such as name@example.com")
	}
	return found, nil
}

func validUser(in *pb.CreateUserRequest) (string, error) {
	email, err := validEmail(in.GetEmail())
	if err != nil {
		return "", err
	}
	if size := len(in.GetPassword()); size < shortestPassword || size > longestPassword {
		return "", invalid("password: 12 to 72 bytes")
	}
	if size := utf8.RuneCountInString(in.GetDisplayName()); size < 1 || size > longestName {
		return "", invalid("display_name: 1 to 64 characters")
	}
	return email, nil
}

func validConnection(in *pb.ConnectPlatformAccountRequest) error {
	if size := len(in.GetCode()); size < 1 || size > longestCode {
		return invalid("code: 1 to 2048 bytes")
	}
	if !isVerifier(in.GetCodeVerifier()) {
		return invalid("code_verifier: 43 to 128 characters of A-Z a-z 0-9 - . _ ~")
	}
	return nil
}

// isVerifier follows RFC 7636, section 4.1.
func isVerifier(text string) bool {
	if len(text) < 43 || len(text) > 128 {
		return false
	}
	for _, sign := range text {
		letter := sign >= 'a' && sign <= 'z' || sign >= 'A' && sign <= 'Z' || sign >= '0' && sign <= '9'
		if !letter && !strings.ContainsRune("-._~", sign) {
			return false
		}
	}
	return true
}
