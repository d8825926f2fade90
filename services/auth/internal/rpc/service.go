// Package rpc is the AuthService: its methods, and the interceptors around them.
package rpc

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strconv"
	"time"

	"github.com/google/uuid"
	"golang.org/x/crypto/bcrypt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"edge-platform/services/auth/internal/pb"
	"edge-platform/services/auth/internal/platform"
	"edge-platform/services/auth/internal/sealed"
	"edge-platform/services/auth/internal/store"
	"edge-platform/services/auth/internal/telemetry"
	"edge-platform/services/auth/internal/token"
)

// The topics that the service alone writes to (§3.1).
const (
	UserCreated       = "auth.events.user_created"
	LoginSucceeded    = "auth.events.login_succeeded"
	PlatformConnected = "auth.events.platform_connected"
)

// Users is the database.
type Users interface {
	AddUser(ctx context.Context, user store.User, event store.Event) error
	AddAccount(ctx context.Context, account store.Account, event store.Event) error
	Add(ctx context.Context, event store.Event) error
	ByEmail(ctx context.Context, email string) (store.User, error)
	ByID(ctx context.Context, id string) (store.User, error)
}

// Limiter counts logins; above 0 one is refused, for that long. It is told from where an account's owner came.
type Limiter interface {
	Attempt(ctx context.Context, account, address string) (time.Duration, error)
	Know(ctx context.Context, account, address string) error
}

// Revocations say which tokens are void.
type Revocations interface {
	Revoked(ctx context.Context, id, user string, made time.Time) (bool, error)
}

// Platforms trade OAuth codes.
type Platforms interface {
	Connect(ctx context.Context, name, code, verifier string) (platform.Connection, error)
}

// Service implements the methods.
type Service struct {
	pb.UnimplementedAuthServiceServer
	Users       Users
	Limiter     Limiter
	Revocations Revocations
	Platforms   Platforms
	Tokens      token.Maker
	Box         sealed.Box
	// TrustedProxies: see config.Config.
	TrustedProxies int
	// Cost of bcrypt.
	Cost int
	// Nobody is Nobody(Cost).
	Nobody []byte
	Log    *slog.Logger
}

// CreateUser signs up: the user and the event are one transaction.
func (s *Service) CreateUser(ctx context.Context, in *pb.CreateUserRequest) (*pb.CreateUserResponse, error) {
	email, err := validUser(in)
	if err != nil {
		return nil, err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(in.GetPassword()), s.Cost)
	if err != nil {
		return nil, s.internal(ctx, err)
	}
	user := store.User{ID: uuid.NewString(), Email: email, PasswordHash: string(hash), DisplayName: in.GetDisplayName()}
	id, now := uuid.NewString(), timestamppb.Now()
	event, err := eventOf(ctx, UserCreated, user.ID, id,
		&pb.UserCreated{EventId: id, OccurredAt: now, UserId: user.ID, DisplayName: user.DisplayName})
	if err == nil {
		err = s.Users.AddUser(ctx, user, event)
	}
	if errors.Is(err, store.ErrTaken) {
		return nil, status.Error(codes.AlreadyExists, "this address has an account")
	}
	if err != nil {
		return nil, s.internal(ctx, err)
	}
	return &pb.CreateUserResponse{UserId: user.ID}, nil
}

// Nobody is what a password is compared with when there is no such user: the answer takes as long, and says the same.
func Nobody(cost int) ([]byte, error) {
	return bcrypt.GenerateFromPassword([]byte(uuid.NewString()), cost)
}

// Login counts the attempt before it looks at the password, whatever comes of it.
func (s *Service) Login(ctx context.Context, in *pb.LoginRequest) (*pb.LoginResponse, error) {
	email, err := validEmail(in.GetEmail())
	if err != nil {
		return nil, err
	}
	address := clientAddress(ctx, s.TrustedProxies)
	rest, err := s.Limiter.Attempt(ctx, email, address)
	if err != nil {
		return nil, s.unavailable(ctx, err)
	}
	if rest > 0 {
		_ = grpc.SetHeader(ctx, metadata.Pairs("retry-after", strconv.Itoa(int(math.Ceil(rest.Seconds())))))
		return nil, status.Error(codes.ResourceExhausted, "too many logins; try again later")
	}
	looked := time.Now()
	user, err := s.Users.ByEmail(ctx, email)
	if err != nil && !errors.Is(err, store.ErrNone) {
		return nil, s.internal(ctx, err)
	}
	hash := []byte(user.PasswordHash)
	if err != nil {
		hash = s.Nobody
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(in.GetPassword())) != nil || err != nil || !user.Active {
		return nil, status.Error(codes.Unauthenticated, "wrong address or password")
	}
	if err := s.Limiter.Know(ctx, email, address); err != nil {
		s.Log.WarnContext(ctx, "failed", "error", err.Error())
	}
	return s.loggedIn(ctx, user, looked)
}

// loggedIn gives out no token of which no event will tell. It is as old as what is known of the user: who is deactivated meanwhile has
// none that outlives it.
func (s *Service) loggedIn(ctx context.Context, user store.User, looked time.Time) (*pb.LoginResponse, error) {
	text, err := s.Tokens.Make(user.ID, user.Roles, looked)
	if err != nil {
		return nil, s.internal(ctx, err)
	}
	id := uuid.NewString()
	event, err := eventOf(ctx, LoginSucceeded, user.ID, id,
		&pb.LoginSucceeded{EventId: id, OccurredAt: timestamppb.Now(), UserId: user.ID})
	if err == nil {
		err = s.Users.Add(ctx, event)
	}
	if err != nil {
		return nil, s.internal(ctx, err)
	}
	return &pb.LoginResponse{AccessToken: text, TokenType: "Bearer", ExpiresIn: int32(s.Tokens.TTL.Seconds())}, nil
}

// ValidateToken says whose the token is, unless it is void.
func (s *Service) ValidateToken(ctx context.Context, in *pb.ValidateTokenRequest) (*pb.ValidateTokenResponse, error) {
	claims, err := s.valid(ctx, in.GetToken())
	if err != nil {
		return nil, err
	}
	return &pb.ValidateTokenResponse{
		UserId: claims.Subject, Roles: claims.Roles, ExpiresAt: timestamppb.New(claims.ExpiresAt.Time),
	}, nil
}

// valid fails closed: without Redis nobody knows what is revoked.
func (s *Service) valid(ctx context.Context, text string) (token.Claims, error) {
	claims, err := s.Tokens.Verify(text)
	if err != nil {
		return token.Claims{}, status.Error(codes.Unauthenticated, err.Error())
	}
	revoked, err := s.Revocations.Revoked(ctx, claims.ID, claims.Subject, claims.IssuedAt.Time)
	if err != nil {
		return token.Claims{}, s.unavailable(ctx, err)
	}
	if revoked {
		return token.Claims{}, status.Error(codes.Unauthenticated, token.ErrInvalid.Error())
	}
	return claims, nil
}

// ConnectPlatformAccount trades the code, and keeps the account and the event in one transaction. The interceptor has put in who asks.
func (s *Service) ConnectPlatformAccount(
	ctx context.Context, in *pb.ConnectPlatformAccountRequest,
) (*pb.ConnectPlatformAccountResponse, error) {
	caller, ok := callerOf(ctx)
	if !ok {
		return nil, status.Error(codes.Unauthenticated, token.ErrInvalid.Error())
	}
	if err := validConnection(in); err != nil {
		return nil, err
	}
	given, err := s.Platforms.Connect(ctx, in.GetPlatform(), in.GetCode(), in.GetCodeVerifier())
	if err != nil {
		return nil, s.ofPlatform(ctx, err)
	}
	account := s.account(caller, in.GetPlatform(), given)
	id := uuid.NewString()
	event, err := eventOf(ctx, PlatformConnected, caller, id, &pb.PlatformConnected{
		EventId: id, OccurredAt: timestamppb.Now(), UserId: caller, AccountId: account.ID, Platform: account.Platform,
	})
	if err == nil {
		err = s.Users.AddAccount(ctx, account, event)
	}
	if errors.Is(err, store.ErrTaken) {
		return nil, status.Error(codes.AlreadyExists, "this account is connected already")
	}
	if err != nil {
		return nil, s.internal(ctx, err)
	}
	return &pb.ConnectPlatformAccountResponse{
		AccountId: account.ID, Platform: account.Platform, PlatformUserId: account.PlatformUserID,
	}, nil
}

func (s *Service) account(user, name string, given platform.Connection) store.Account {
	made := store.Account{ID: uuid.NewString(), UserID: user, Platform: name, PlatformUserID: given.PlatformUserID}
	return Sealed(s.Box, made, given)
}

// Sealed is the account with the tokens that a platform gave.
func Sealed(box sealed.Box, account store.Account, given platform.Connection) store.Account {
	account.AccessToken = box.Seal(given.AccessToken, account.ID)
	if given.RefreshToken != "" {
		account.RefreshToken = box.Seal(given.RefreshToken, account.ID)
	}
	if !given.ExpiresAt.IsZero() {
		account.ExpiresAt = &given.ExpiresAt
	}
	return account
}

func eventOf(ctx context.Context, topic, key, id string, message proto.Message) (store.Event, error) {
	body, err := proto.Marshal(message)
	return store.Event{Topic: topic, Key: key, ID: id, Body: body, Traceparent: telemetry.Traceparent(ctx)}, err
}
