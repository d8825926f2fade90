// Package redistest gives tests a real redis-server on a free loopback port, and a
// proxy before it that can stall or hang up.
package redistest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const attempts = 5

// Server is one redis-server, ended with its test.
type Server struct {
	Addr   string
	Client *redis.Client
	cmd    *exec.Cmd
}

// Start skips the test where there is no redis-server, unless CI is set.
func Start(t testing.TB, arguments ...string) *Server {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("redis-server is not installed, and CI is set")
		}
		t.Skip("redis-server is not installed (apt-get install redis-server)")
	}
	for range attempts {
		if server := start(t, binary, arguments); server != nil {
			return server
		}
	}
	t.Fatalf("redis-server did not start in %d attempts", attempts)
	return nil
}

// start returns nil when the port was taken by someone else in between.
func start(t testing.TB, binary string, arguments []string) *Server {
	t.Helper()
	port := freePort(t)
	var output bytes.Buffer
	cmd := exec.Command(binary, append([]string{
		"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir(),
	}, arguments...)...)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	addr := net.JoinHostPort("127.0.0.1", port)
	s := &Server{Addr: addr, Client: redis.NewClient(&redis.Options{Addr: addr}), cmd: cmd}
	t.Cleanup(func() {
		_ = s.Client.Close()
		s.Stop()
		<-exited
	})
	if !s.answers(exited) {
		s.Stop()
		<-exited
		t.Logf("redis-server: %s", output.String())
		return nil
	}
	return s
}

func (s *Server) answers(exited <-chan struct{}) bool {
	deadline := time.After(20 * time.Second)
	for {
		connection, err := net.DialTimeout("tcp", s.Addr, time.Second)
		if err == nil {
			_ = connection.Close()
			return true
		}
		select {
		case <-exited:
			return false
		case <-deadline:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Stop kills it, as a crash would.
func (s *Server) Stop() { _ = s.cmd.Process.Kill() }

// Revoke does what logging out does.
func (s *Server) Revoke(t testing.TB, key string) {
	t.Helper()
	if err := s.Client.Set(context.Background(), key, "1", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}

// Unused is an address where nobody listens.
func Unused(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", freePort(t))
}
