package blacklist

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"edge-platform/services/ext-authz/internal/redistest"
)

const (
	deadline = 200 * time.Millisecond
	// slack is for a busy machine: what counts is that no call waits for seconds.
	slack = 300 * time.Millisecond
)

func open(t testing.TB, o Options) *Blacklist {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 80 * time.Millisecond
	}
	if o.PoolSize == 0 {
		o.PoolSize = 4
	}
	o.Prefix = "blacklist:"
	b, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// ask also checks that the answer comes in time.
func ask(t testing.TB, b *Blacklist, id string) (bool, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	started := time.Now()
	revoked, err := b.IsRevoked(ctx, id)
	if took := time.Since(started); took > deadline+slack {
		t.Errorf("took %s", took)
	}
	return revoked, err
}

// settled retries until a cold start under load is over.
func settled(t testing.TB, b *Blacklist) {
	t.Helper()
	var err error
	for range 50 {
		if _, err = ask(t, b, "nobody"); err == nil {
			return
		}
	}
	t.Fatal(err)
}

func TestRevokedByDocumentedKey(t *testing.T) {
	server := redistest.Start(t)
	b := open(t, Options{Addr: server.Addr, Timeout: deadline - 1})
	settled(t, b)
	server.Revoke(t, "blacklist:id-1")
	server.Revoke(t, "id-2")
	for id, want := range map[string]bool{"id-1": true, "id-2": false, "ID-1": false, "id": false, "*": false, "id-1\r\nPING": false} {
		if revoked, err := ask(t, b, id); revoked != want || err != nil {
			t.Errorf("%q: %t, %v", id, revoked, err)
		}
	}
}

func TestAnyValueRevokes(t *testing.T) {
	server := redistest.Start(t)
	b := open(t, Options{Addr: server.Addr, Timeout: deadline - 1})
	settled(t, b)
	ctx := context.Background()
	server.Client.Set(ctx, "blacklist:empty", "", 0)
	server.Client.Set(ctx, "blacklist:false", "false", 0)
	server.Client.HSet(ctx, "blacklist:hash", "a", "b")
	for _, id := range []string{"empty", "false", "hash"} {
		if revoked, err := ask(t, b, id); !revoked || err != nil {
			t.Errorf("%s: %t, %v", id, revoked, err)
		}
	}
}

func TestRedisFailuresAreErrorsInTime(t *testing.T) {
	server := redistest.Start(t)
	for name, one := range map[string]struct {
		mode redistest.Mode
		kind string
	}{
		"stalls":   {redistest.Stall, KindTimeout},
		"trickles": {redistest.Trickle, KindTimeout},
		"hangs up": {redistest.HangUp, KindConnection},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := redistest.NewProxy(t, server.Addr)
			b := open(t, Options{Addr: proxy.Addr})
			settled(t, b)
			proxy.Set(one.mode)
			for range 3 {
				if revoked, err := ask(t, b, "id-1"); revoked || err == nil || Kind(err) != one.kind {
					t.Errorf("%t, %v (%s); want %s", revoked, err, Kind(err), one.kind)
				}
			}
			proxy.Set(redistest.Pass)
			settled(t, b)
		})
	}
}

func TestRedisThatIsNotThere(t *testing.T) {
	b := open(t, Options{Addr: redistest.Unused(t)})
	if revoked, err := ask(t, b, "id-1"); revoked || Kind(err) != KindConnection {
		t.Errorf("%t, %v", revoked, err)
	}
}

func TestRedisThatStallsFromTheStart(t *testing.T) {
	proxy := redistest.NewProxy(t, redistest.Start(t).Addr)
	proxy.Set(redistest.Stall)
	b := open(t, Options{Addr: proxy.Addr})
	if revoked, err := ask(t, b, "id-1"); revoked || Kind(err) != KindTimeout {
		t.Errorf("%t, %v", revoked, err)
	}
}

func TestRedisThatDies(t *testing.T) {
	server := redistest.Start(t)
	b := open(t, Options{Addr: server.Addr})
	settled(t, b)
	server.Stop()
	for range 3 {
		if revoked, err := ask(t, b, "id-1"); revoked || err == nil {
			t.Errorf("%t, %v", revoked, err)
		}
	}
}

func TestBusyPoolIsAnErrorInTime(t *testing.T) {
	proxy := redistest.NewProxy(t, redistest.Start(t).Addr)
	b := open(t, Options{Addr: proxy.Addr, PoolSize: 1})
	settled(t, b)
	proxy.Set(redistest.Stall)
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			_, err := ask(t, b, "id-1")
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err == nil {
			t.Error("an answer from a stalled Redis")
		}
	}
}

func TestPasswordIsReadForEachConnection(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "new")
	path := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old\n")
	b := open(t, Options{Addr: server.Addr, PasswordFile: path, Timeout: deadline - 1})
	if _, err := ask(t, b, "id-1"); err == nil {
		t.Error("the old password passed")
	}
	write("new\n")
	settled(t, b)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, b, "id-1"); err != nil {
		t.Errorf("an open connection needs no password: %v", err)
	}
}

// A user that may do no more than the README says.
func TestNarrowUserIsEnough(t *testing.T) {
	server := redistest.Start(t,
		"--user", "default", "off", "--user", "ext-authz", "on", ">pass", "~blacklist:*", "-@all", "+exists")
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte("pass"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, Options{Addr: server.Addr, Username: "ext-authz", PasswordFile: path, Timeout: deadline - 1})
	settled(t, b)
}

func TestErrorReplyIsAnError(t *testing.T) {
	server := redistest.Start(t)
	b := open(t, Options{Addr: server.Addr, Timeout: deadline - 1})
	settled(t, b)
	if err := server.Client.ConfigSet(context.Background(), "requirepass", "x").Err(); err != nil {
		t.Fatal(err)
	}
	server.Client.Do(context.Background(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
	if revoked, err := ask(t, b, "id-1"); revoked || Kind(err) != KindReply {
		t.Errorf("%t, %v (%s)", revoked, err, Kind(err))
	}
}

func TestPlainRedisFailsTLS(t *testing.T) {
	b := open(t, Options{Addr: redistest.Start(t).Addr, TLS: true})
	if revoked, err := ask(t, b, "id-1"); revoked || err == nil {
		t.Errorf("%t, %v", revoked, err)
	}
}

func TestBadCAFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca.pem")
	if _, err := Open(Options{Addr: "redis:6379", TLS: true, CAFile: path}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Addr: "redis:6379", TLS: true, CAFile: path}); err == nil {
		t.Error("taken")
	}
}
