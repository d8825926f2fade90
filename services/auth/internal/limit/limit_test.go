package limit

import (
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// server is a real Redis of its own.
func server(t *testing.T) Redis {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	command := exec.CommandContext(t.Context(), "redis-server", "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))})
	for range 200 {
		if client.Ping(t.Context()).Err() == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Cleanup(func() { _ = client.Close(); _ = command.Process.Kill(); _ = command.Wait() })
	return Redis{Client: client}
}

func TestTheSixthLoginIsLockedByAccountAndByAddress(t *testing.T) {
	r := server(t)
	try := func(account, address string) time.Duration {
		rest, err := r.Attempt(t.Context(), account, address)
		if err != nil {
			t.Fatal(err)
		}
		return rest
	}
	for i := range Tries {
		// From elsewhere each time: the account counts.
		if rest := try("a", "198.51.100."+strconv.Itoa(i)); rest != 0 {
			t.Fatalf("the %d. is refused for %v", i+1, rest)
		}
	}
	if rest := try("a", "198.51.100.99"); rest <= 59*time.Second || rest > Window {
		t.Fatalf("the 6th of an account waits %v", rest)
	}
	for i := range Tries {
		if rest := try("other"+strconv.Itoa(i), "203.0.113.1"); rest != 0 {
			t.Fatalf("the %d. of an address is refused for %v", i+1, rest)
		}
	}
	if rest := try("another", "203.0.113.1"); rest <= 59*time.Second {
		t.Fatalf("the 6th of an address waits %v", rest)
	}
	if rest := try("another", "203.0.113.2"); rest != 0 {
		t.Fatalf("another address waits %v", rest)
	}
}

// Whoever knows an e-mail address can try it from everywhere, and for ever.
func TestNobodyLocksAnOwnerOutOfWhereTheyAreKnown(t *testing.T) {
	r := server(t)
	try := func(address string) time.Duration {
		rest, err := r.Attempt(t.Context(), "owner", address)
		if err != nil {
			t.Fatal(err)
		}
		return rest
	}
	if err := r.Know(t.Context(), "owner", "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * Tries {
		try("198.51.100." + strconv.Itoa(i))
	}
	if rest := try("198.51.100.99"); rest <= 0 {
		t.Fatal("the account is open to guesses from elsewhere")
	}
	for i := range Tries {
		if rest := try("192.0.2.1"); rest != 0 {
			t.Fatalf("the owner's %d. is refused for %v", i+1, rest)
		}
	}
	if rest := try("192.0.2.1"); rest <= 59*time.Second {
		t.Fatalf("where the owner is known guesses are counted too: %v", rest)
	}
}

func TestAnAccountIsKnownAtItsLastAddressesAlone(t *testing.T) {
	r, ctx := server(t), t.Context()
	for i := range 3 * knownAddresses {
		if err := r.Know(ctx, "owner", strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	key := ofAccount("owner") + ":known"
	kept := r.Client.ZCard(ctx, key).Val()
	if kept != knownAddresses || r.Client.ZScore(ctx, key, hashed("0")).Err() == nil || r.Client.PTTL(ctx, key).Val() <= 0 {
		t.Fatalf("%d addresses are kept", kept)
	}
}

func TestWhatIsRevoked(t *testing.T) {
	r, ctx, now := server(t), t.Context(), time.Now()
	revoked := func(id, user string, made time.Time) bool {
		found, err := r.Revoked(ctx, id, user, made)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if revoked("1", "u", now) {
		t.Fatal("nothing is revoked yet")
	}
	if err := r.Revoke(ctx, "1", now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := r.RevokeUser(ctx, "v", now, time.Minute); err != nil {
		t.Fatal(err)
	}
	if !revoked("1", "u", now) || revoked("2", "u", now) {
		t.Fatal("one token is revoked, and no other")
	}
	if !revoked("3", "v", now.Add(-time.Second)) || revoked("3", "v", now.Add(2*time.Second)) {
		t.Fatal("a user's tokens are void that were made until then, and no later ones")
	}
}
