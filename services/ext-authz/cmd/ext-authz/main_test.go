package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"edge-platform/services/ext-authz/internal/redistest"
)

const (
	oldSecret = "old-secret-0123456789-0123456789-012345"
	newSecret = "new-secret-0123456789-0123456789-012345"

	// meshTimeout is what the mesh waits for one check.
	meshTimeout = 250 * time.Millisecond
	patience    = 20 * time.Second
	asMain      = "EXT_AUTHZ_TEST_AS_MAIN"
)

// TestMain lets this binary be the service, so that tests can signal a real process.
func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// service is a process of ext-authz behind which Redis can be disturbed.
type service struct {
	cmd      *exec.Cmd
	redis    *redistest.Server
	proxy    *redistest.Proxy
	keyFile  string
	http     string
	client   authv3.AuthorizationClient
	health   healthv1.HealthClient
	log      *output
	finished chan error
}

type output struct {
	mu    sync.Mutex
	lines []string
}

func (o *output) add(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, line)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, "\n")
}

func command(environment ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append([]string{
		asMain + "=1", "GORACE=halt_on_error=1", "JWT_ISSUER=auth", "JWT_AUDIENCE=api", "JWT_TYPE=access",
	}, environment...)
	return cmd
}

func start(t testing.TB, environment ...string) *service {
	t.Helper()
	s := launch(t, environment...)
	eventually(t, s.serving)
	return s
}

// launch does not wait until it is ready.
func launch(t testing.TB, environment ...string) *service {
	t.Helper()
	s := &service{redis: redistest.Start(t), finished: make(chan error, 1), log: &output{}}
	s.proxy = redistest.NewProxy(t, s.redis.Addr)
	s.keyFile = filepath.Join(t.TempDir(), "keys")
	s.writeKeys(t, oldSecret)
	s.cmd = command(append([]string{
		"JWT_SECRET_FILE=" + s.keyFile, "REDIS_ADDR=" + s.proxy.Addr, "GRPC_ADDR=127.0.0.1:0", "HTTP_ADDR=127.0.0.1:0",
		"JWT_SECRET_RELOAD=50ms", "READINESS_INTERVAL=50ms", "SHUTDOWN_DELAY=200ms", "LOG_ALLOWED_EVERY=1",
	}, environment...)...)
	s.cmd.Stderr = os.Stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go s.follow(stdout)
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	s.connect(t)
	return s
}

func (s *service) follow(stdout io.Reader) {
	for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
		s.log.add(scanner.Text())
	}
	s.finished <- s.cmd.Wait()
}

// connect finds the free ports in the log.
func (s *service) connect(t testing.TB) {
	t.Helper()
	var serving struct{ Msg, GRPC, HTTP string }
	eventually(t, func() bool {
		for line := range strings.Lines(s.log.String()) {
			if json.Unmarshal([]byte(line), &serving) == nil && serving.Msg == "serving" {
				return true
			}
		}
		return false
	})
	connection, err := grpc.NewClient(serving.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	s.http = "http://" + serving.HTTP
	s.client, s.health = authv3.NewAuthorizationClient(connection), healthv1.NewHealthClient(connection)
}

func eventually(t testing.TB, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatal("never happened")
}

func (s *service) serving() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	response, err := s.health.Check(ctx, &healthv1.HealthCheckRequest{})
	return err == nil && response.GetStatus() == healthv1.HealthCheckResponse_SERVING
}

func (s *service) get(t testing.TB, path string) (int, string) {
	t.Helper()
	response, err := http.Get(s.http + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func (s *service) writeKeys(t testing.TB, lines ...string) {
	t.Helper()
	if err := os.WriteFile(s.keyFile+".new", []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.keyFile+".new", s.keyFile); err != nil {
		t.Fatal(err)
	}
}

func issue(t testing.TB, secret, id string) string {
	t.Helper()
	now := time.Now()
	raw, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": "user-1", "jti": id, "provider": "kakao", "type": "access", "iss": "auth", "aud": "api",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func request(raw string) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Path: "/api/v1/my/items",
			Headers: map[string]string{
				"authorization": "Bearer " + raw, "x-request-id": "request-1", "x-user-id": "root",
				"x-refresh-token": "refresh-s3cret",
			},
		}},
	}}
}

// check asks as the mesh does; an error would be its 403.
func (s *service) check(raw string) (*authv3.CheckResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), meshTimeout)
	defer cancel()
	return s.client.Check(ctx, request(raw))
}

// is retries over a cold start: a loaded machine may take longer than the deadline.
func (s *service) is(t testing.TB, raw string, want typev3.StatusCode) {
	t.Helper()
	var response *authv3.CheckResponse
	eventually(t, func() bool {
		var err error
		response, err = s.check(raw)
		return err == nil && response.GetDeniedResponse().GetStatus().GetCode() == want
	})
	if allowed := response.GetOkResponse() != nil; allowed != (want == allowed200) {
		t.Errorf("%v", response)
	}
}

// allowed200 is the code of no denial.
const allowed200 = typev3.StatusCode_Empty

func TestEndToEnd(t *testing.T) {
	s := start(t)
	raw := issue(t, oldSecret, "id-1")
	s.is(t, raw, allowed200)
	s.is(t, raw+"x", typev3.StatusCode_Unauthorized)
	s.is(t, issue(t, newSecret, "id-1"), typev3.StatusCode_Unauthorized)
	s.redis.Revoke(t, "blacklist:id-1")
	s.is(t, raw, typev3.StatusCode_Unauthorized)
	s.is(t, issue(t, oldSecret, "id-2"), allowed200)

	code, text := s.get(t, "/metrics")
	for _, want := range []string{
		`ext_authz_decisions_total{reason="revoked",result="denied"} 1`,
		`ext_authz_decisions_total{reason="expired",result="denied"} 0`,
		`ext_authz_check_duration_seconds_count{result="allowed"}`,
		`ext_authz_redis_errors_total{kind="timeout"}`,
		"ext_authz_keys 1", "ext_authz_ready 1", "go_goroutines", "process_open_fds",
	} {
		if code != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%d, %q is not in the metrics", code, want)
		}
	}
	for _, secret := range []string{raw, raw[:20], oldSecret, "refresh-s3cret", "user-1", "id-1"} {
		if strings.Contains(s.log.String(), secret) || strings.Contains(text, secret) {
			t.Errorf("%q is in the log or the metrics", secret)
		}
	}
	if !strings.Contains(s.log.String(), `"reason":"revoked","request_id":"request-1"`) {
		t.Errorf("%s", s.log)
	}
}

func TestRedisFailureDeniesWithinTheMeshsTimeout(t *testing.T) {
	s := start(t)
	raw := issue(t, oldSecret, "id-1")
	for name, mode := range map[string]redistest.Mode{
		"stalls": redistest.Stall, "trickles": redistest.Trickle, "hangs up": redistest.HangUp,
	} {
		t.Run(name, func(t *testing.T) {
			s.is(t, raw, allowed200)
			s.proxy.Set(mode)
			answers := 0
			for range 10 {
				response, err := s.check(raw)
				if response.GetOkResponse() != nil {
					t.Fatal("allowed without an answer from Redis")
				}
				if err == nil && response.GetDeniedResponse().GetStatus().GetCode() == typev3.StatusCode_ServiceUnavailable {
					answers++
				}
			}
			if answers < 8 {
				t.Errorf("%d of 10 answers came before the mesh gave up", answers)
			}
			eventually(t, func() bool { return !s.serving() })
			ready, _ := s.get(t, "/readyz")
			alive, _ := s.get(t, "/healthz")
			if ready != http.StatusServiceUnavailable || alive != http.StatusOK {
				t.Errorf("/readyz %d, /healthz %d", ready, alive)
			}
			s.proxy.Set(redistest.Pass)
			eventually(t, s.serving)
		})
	}
}

func TestRedisThatDiesMakesItNotReady(t *testing.T) {
	s := start(t)
	s.redis.Stop()
	eventually(t, func() bool { return !s.serving() })
	s.is(t, issue(t, oldSecret, "id-1"), typev3.StatusCode_ServiceUnavailable)
	s.is(t, "a.b.c", typev3.StatusCode_Unauthorized)
}

func TestStartsWithoutRedis(t *testing.T) {
	s := launch(t, "REDIS_ADDR="+redistest.Unused(t))
	s.is(t, issue(t, oldSecret, "id-1"), typev3.StatusCode_ServiceUnavailable)
	if s.serving() {
		t.Error("ready")
	}
}

func TestKeysRotateWithoutRestart(t *testing.T) {
	s := start(t)
	before, after := issue(t, oldSecret, "id-1"), issue(t, newSecret, "id-2")
	s.is(t, before, allowed200)
	s.is(t, after, typev3.StatusCode_Unauthorized)
	s.writeKeys(t, newSecret, oldSecret)
	s.is(t, after, allowed200)
	s.is(t, before, allowed200)
	s.writeKeys(t, newSecret)
	s.is(t, before, typev3.StatusCode_Unauthorized)
	s.writeKeys(t, "too-short")
	eventually(t, func() bool {
		_, text := s.get(t, "/metrics")
		return !strings.Contains(text, `ext_authz_key_reloads_total{result="failed"} 0`)
	})
	s.is(t, after, allowed200)
	if strings.Contains(s.log.String(), "too-short") {
		t.Error("a key is in the log")
	}
}

func TestSignalStopsGracefully(t *testing.T) {
	s := start(t)
	raw := issue(t, oldSecret, "id-1")
	s.is(t, raw, allowed200)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return !s.serving() })
	select {
	case err := <-s.finished:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("still running")
	}
	if !strings.Contains(s.log.String(), `"msg":"stopped"`) {
		t.Errorf("%s", s.log)
	}
}

func TestWrongSettingsEndItWithAllOfThem(t *testing.T) {
	cmd := command("JWT_LEEWAY=1h", "REDIS_ADDR=redis", "JWT_SECRET_FILE=hunter2")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	text := stderr.String()
	if cmd.ProcessState.ExitCode() != 2 || strings.Contains(text, "hunter2") {
		t.Errorf("%v: %s", err, text)
	}
	for _, want := range []string{`JWT_LEEWAY="1h"`, `REDIS_ADDR="redis"`, "JWT_SECRET_FILE"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}

func TestPortInUseEndsIt(t *testing.T) {
	s := start(t)
	cmd := command("JWT_SECRET_FILE="+s.keyFile, "REDIS_ADDR="+s.redis.Addr, "GRPC_ADDR="+s.redis.Addr)
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v", err)
	}
}

// BenchmarkCheck is one check as the mesh makes it: gRPC, HS256, real Redis.
func BenchmarkCheck(b *testing.B) {
	s := start(b, "LOG_ALLOWED_EVERY=100")
	for name, raw := range map[string]string{
		"allowed": issue(b, oldSecret, "id-1"),
		"denied":  issue(b, newSecret, "id-1"),
	} {
		message := request(raw)
		b.Run(name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := s.client.Check(context.Background(), message); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
