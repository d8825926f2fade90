package rpc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"edge-platform/services/auth/internal/pb"
	"edge-platform/services/auth/internal/platform"
	"edge-platform/services/auth/internal/sealed"
	"edge-platform/services/auth/internal/store"
	"edge-platform/services/auth/internal/token"
)

var (
	password = "correct horse battery"
	verifier = strings.Repeat("v", 43)
	errDown  = errors.New("dial tcp 10.0.0.7:5432: connection refused")
)

// world is everything around the service.
type world struct {
	user     store.User
	fails    error // the database
	accounts []store.Account
	events   []store.Event
	rest     time.Duration
	counted  []string
	known    []string
	looked   func() // when the user is looked up
	redis    error
	revoked  bool
	given    platform.Connection
	oauth    error
}

func (w *world) AddUser(_ context.Context, user store.User, event store.Event) error {
	if w.fails == nil {
		w.user, w.events = user, append(w.events, event)
	}
	return w.fails
}

func (w *world) AddAccount(_ context.Context, account store.Account, event store.Event) error {
	if w.fails == nil {
		w.accounts, w.events = append(w.accounts, account), append(w.events, event)
	}
	return w.fails
}

func (w *world) Add(_ context.Context, event store.Event) error {
	if w.fails == nil {
		w.events = append(w.events, event)
	}
	return w.fails
}

func (w *world) ByEmail(_ context.Context, email string) (store.User, error) {
	if w.looked != nil {
		w.looked()
	}
	if w.fails != nil {
		return store.User{}, w.fails
	}
	if email != w.user.Email {
		return store.User{}, store.ErrNone
	}
	return w.user, nil
}

func (w *world) ByID(context.Context, string) (store.User, error) { return w.user, w.fails }

func (w *world) Attempt(_ context.Context, account, address string) (time.Duration, error) {
	w.counted = append(w.counted, account+" "+address)
	return w.rest, w.redis
}

func (w *world) Know(_ context.Context, account, address string) error {
	w.known = append(w.known, account+" "+address)
	return w.redis
}

func (w *world) Revoked(context.Context, string, string, time.Time) (bool, error) {
	return w.revoked, w.redis
}

func (w *world) Connect(context.Context, string, string, string) (platform.Connection, error) {
	return w.given, w.oauth
}

func (w *world) maker() token.Maker {
	return token.Maker{Secret: []byte(strings.Repeat("k", 32)), Issuer: "https://auth.test", Audience: "immersiverse", TTL: time.Minute}
}

// client serves the world behind the interceptors of the program.
func (w *world) client(t *testing.T) pb.AuthServiceClient {
	t.Helper()
	box, err := sealed.NewBox(strings.Repeat("0f", 32))
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := Nobody(bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	service := &Service{
		Users: w, Limiter: w, Revocations: w, Platforms: w, Tokens: w.maker(), Box: box,
		TrustedProxies: 1, Cost: bcrypt.MinCost, Nobody: nobody, Log: log,
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(Observe(log, func(_, _ string) {}), service.Authenticate))
	pb.RegisterAuthServiceServer(server, service)
	listener := bufconn.Listen(1 << 16)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	connection, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return pb.NewAuthServiceClient(connection)
}

func withUser(t *testing.T) *world {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return &world{user: store.User{
		ID: "6f8e0a3c-4f0f-4a39-9d43-1f2b7b0b6c11", Email: "a@example.com", PasswordHash: string(hash), Roles: []string{"user"}, Active: true,
	}}
}

func (w *world) asUser(t *testing.T) context.Context {
	t.Helper()
	text, err := w.maker().Make(w.user.ID, w.user.Roles, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+text)
}

func expect(t *testing.T, err error, code codes.Code) {
	t.Helper()
	if status.Code(err) != code {
		t.Fatalf("%v, not %v", err, code)
	}
	if err != nil && strings.Contains(err.Error(), "10.0.0.7") {
		t.Fatalf("the caller is told of the inside: %v", err)
	}
}

func TestASignUpAndItsEventAreOneTransaction(t *testing.T) {
	w := &world{}
	out, err := w.client(t).CreateUser(t.Context(), &pb.CreateUserRequest{Email: " A@Example.com", Password: password, DisplayName: "A"})
	expect(t, err, codes.OK)
	var event pb.UserCreated
	if err := proto.Unmarshal(w.events[0].Body, &event); err != nil {
		t.Fatal(err)
	}
	if w.user.Email != "a@example.com" || event.GetUserId() != out.GetUserId() || w.events[0].Key != out.GetUserId() ||
		w.events[0].ID != event.GetEventId() || w.events[0].Topic != UserCreated {
		t.Fatalf("%+v %+v", w.user, w.events)
	}
	if strings.Contains(string(w.events[0].Body), password) || strings.Contains(string(w.events[0].Body), "example.com") {
		t.Fatal("the event tells more than it is for")
	}
}

func TestASignUpThatCannotBe(t *testing.T) {
	good := func() *pb.CreateUserRequest {
		return &pb.CreateUserRequest{Email: "a@example.com", Password: password, DisplayName: "A"}
	}
	for name, spoil := range map[string]func(*pb.CreateUserRequest){
		"no address":     func(in *pb.CreateUserRequest) { in.Email = "example.com" },
		"a named one":    func(in *pb.CreateUserRequest) { in.Email = "A <a@example.com>" },
		"a short secret": func(in *pb.CreateUserRequest) { in.Password = "short" },
		"a long secret":  func(in *pb.CreateUserRequest) { in.Password = strings.Repeat("x", 73) },
		"no name":        func(in *pb.CreateUserRequest) { in.DisplayName = "" },
	} {
		in := good()
		spoil(in)
		w := &world{}
		_, err := w.client(t).CreateUser(t.Context(), in)
		if status.Code(err) != codes.InvalidArgument || len(w.events) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := (&world{fails: store.ErrTaken}).client(t).CreateUser(t.Context(), good())
	expect(t, err, codes.AlreadyExists)
	_, err = (&world{fails: errDown}).client(t).CreateUser(t.Context(), good())
	expect(t, err, codes.Internal)
}

func TestALoginGivesATokenThatIsValidUntilItIsRevoked(t *testing.T) {
	w := withUser(t)
	client := w.client(t)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.1.0.4")
	out, err := client.Login(ctx, &pb.LoginRequest{Email: "A@example.com", Password: password})
	expect(t, err, codes.OK)
	if len(w.counted) != 1 || w.counted[0] != "a@example.com 203.0.113.9" {
		t.Fatalf("counted for %v", w.counted)
	}
	if len(w.known) != 1 || w.known[0] != w.counted[0] {
		t.Fatalf("known is %v", w.known)
	}
	if w.events[0].Topic != LoginSucceeded || strings.Contains(string(w.events[0].Body), out.GetAccessToken()) {
		t.Fatalf("%+v", w.events)
	}
	said, err := client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: out.GetAccessToken()})
	expect(t, err, codes.OK)
	if said.GetUserId() != w.user.ID || said.GetRoles()[0] != "user" {
		t.Fatalf("%+v", said)
	}
	w.revoked = true
	_, err = client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: out.GetAccessToken()})
	expect(t, err, codes.Unauthenticated)
	w.redis = errDown
	_, err = client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: out.GetAccessToken()})
	expect(t, err, codes.Unavailable)
}

// A provider gives each customer 2^64 addresses of IPv6.
func TestAnAddressOfIPv6IsItsNetworks(t *testing.T) {
	for forwarded, counted := range map[string]string{
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::1": "2001:db8:1:2::/64",
		"2001:db8:1:3::1":      "2001:db8:1:3::/64",
		"::ffff:203.0.113.9":   "203.0.113.9",
		"fe80::1%eth0":         "fe80::/64",
		"203.0.113.9":          "203.0.113.9",
	} {
		w := withUser(t)
		ctx := metadata.AppendToOutgoingContext(t.Context(), "x-forwarded-for", forwarded+", 10.1.0.4")
		_, _ = w.client(t).Login(ctx, &pb.LoginRequest{Email: "a@example.com", Password: "wrong"})
		if len(w.counted) != 1 || w.counted[0] != "a@example.com "+counted {
			t.Errorf("%s is counted for %v", forwarded, w.counted)
		}
		if len(w.known) != 0 {
			t.Errorf("who guesses is known: %v", w.known)
		}
	}
}

// A user who is deactivated between the look at them and their token has one that was made before, and so is void.
func TestATokenIsAsOldAsTheLookAtItsUser(t *testing.T) {
	w := withUser(t)
	var looked time.Time
	w.looked = func() { looked = time.Now(); time.Sleep(1100 * time.Millisecond) }
	out, err := w.client(t).Login(t.Context(), &pb.LoginRequest{Email: "a@example.com", Password: password})
	expect(t, err, codes.OK)
	claims, err := w.maker().Verify(out.GetAccessToken())
	if err != nil || claims.IssuedAt.Unix() > looked.Unix() {
		t.Fatalf("looked at %v, made at %v, %v", looked, claims.IssuedAt, err)
	}
}

func TestALoginThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		in     *pb.LoginRequest
		code   codes.Code
	}{
		"a wrong password": {func(*world) {}, &pb.LoginRequest{Email: "a@example.com", Password: "wrong"}, codes.Unauthenticated},
		"nobody":           {func(*world) {}, &pb.LoginRequest{Email: "b@example.com", Password: password}, codes.Unauthenticated},
		"suspended": {
			func(w *world) { w.user.Active = false },
			&pb.LoginRequest{Email: "a@example.com", Password: password}, codes.Unauthenticated,
		},
		"no database": {
			func(w *world) { w.fails = errDown }, &pb.LoginRequest{Email: "a@example.com", Password: password}, codes.Internal,
		},
		"no Redis": {
			func(w *world) { w.redis = errDown }, &pb.LoginRequest{Email: "a@example.com", Password: password}, codes.Unavailable,
		},
		"no address": {func(*world) {}, &pb.LoginRequest{Email: "a", Password: password}, codes.InvalidArgument},
	} {
		w := withUser(t)
		c.change(w)
		_, err := w.client(t).Login(t.Context(), c.in)
		if status.Code(err) != c.code || len(w.events) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALockedLoginIsToldHowLong(t *testing.T) {
	w := withUser(t)
	w.rest = 59300 * time.Millisecond
	var header metadata.MD
	_, err := w.client(t).Login(t.Context(), &pb.LoginRequest{Email: "a@example.com", Password: password}, grpc.Header(&header))
	expect(t, err, codes.ResourceExhausted)
	if got := header.Get("retry-after"); len(got) != 1 || got[0] != "60" {
		t.Fatalf("retry-after: %v", got)
	}
}

func TestAnAccountIsConnectedForWhoAsks(t *testing.T) {
	w := withUser(t)
	w.given = platform.Connection{PlatformUserID: "tw-1", AccessToken: "at", RefreshToken: "rt", ExpiresAt: time.Now().Add(time.Hour)}
	in := &pb.ConnectPlatformAccountRequest{Platform: "twitch", Code: "code", CodeVerifier: verifier}
	out, err := w.client(t).ConnectPlatformAccount(w.asUser(t), in)
	expect(t, err, codes.OK)
	kept := w.accounts[0]
	if out.GetPlatformUserId() != "tw-1" || kept.UserID != w.user.ID || w.events[0].Topic != PlatformConnected {
		t.Fatalf("%+v %+v", out, kept)
	}
	if string(kept.AccessToken) == "at" || strings.Contains(string(w.events[0].Body), "at") && len(w.events[0].Body) < 3 {
		t.Fatal("a platform's token lies open")
	}
}

func TestAConnectionThatFails(t *testing.T) {
	good := &pb.ConnectPlatformAccountRequest{Platform: "twitch", Code: "code", CodeVerifier: verifier}
	for name, c := range map[string]struct {
		change func(*world)
		in     *pb.ConnectPlatformAccountRequest
		code   codes.Code
	}{
		"unknown":    {func(w *world) { w.oauth = platform.ErrUnknown }, good, codes.NotFound},
		"refused":    {func(w *world) { w.oauth = platform.ErrRefused }, good, codes.InvalidArgument},
		"slow":       {func(w *world) { w.oauth = context.DeadlineExceeded }, good, codes.DeadlineExceeded},
		"down":       {func(w *world) { w.oauth = platform.ErrUnavailable }, good, codes.Unavailable},
		"taken":      {func(w *world) { w.fails = store.ErrTaken }, good, codes.AlreadyExists},
		"database":   {func(w *world) { w.fails = errDown }, good, codes.Internal},
		"revoked":    {func(w *world) { w.revoked = true }, good, codes.Unauthenticated},
		"other role": {func(w *world) { w.user.Roles = []string{"guest"} }, good, codes.PermissionDenied},
		"verifier": {
			func(*world) {}, &pb.ConnectPlatformAccountRequest{Platform: "twitch", Code: "c", CodeVerifier: "short"}, codes.InvalidArgument,
		},
		"no code": {func(*world) {}, &pb.ConnectPlatformAccountRequest{Platform: "twitch", CodeVerifier: verifier}, codes.InvalidArgument},
	} {
		w := withUser(t)
		c.change(w)
		_, err := w.client(t).ConnectPlatformAccount(w.asUser(t), c.in)
		if status.Code(err) != c.code || len(w.events) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := withUser(t).client(t).ConnectPlatformAccount(t.Context(), good)
	expect(t, err, codes.Unauthenticated)
}
