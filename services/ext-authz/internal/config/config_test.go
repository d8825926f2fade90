package config

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func keyFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func environment(t *testing.T, changes map[string]string) func(string) (string, bool) {
	t.Helper()
	values := map[string]string{
		"JWT_SECRET_FILE": keyFile(t, strings.Repeat("a", 32)),
		"JWT_ISSUER":      "https://api.example.com",
		"JWT_AUDIENCE":    "eco2-api",
		"JWT_TYPE":        "access",
		"REDIS_ADDR":      "redis:6379",
	}
	for key, value := range changes {
		values[key] = value
	}
	return func(key string) (string, bool) {
		value, found := values[key]
		return value, found
	}
}

func TestDefaults(t *testing.T) {
	c, err := Load(environment(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, right := range map[string]bool{
		"deadline under the mesh's 0.25 s": c.Deadline == 200*time.Millisecond,
		"Redis within the deadline":        c.Redis.Timeout == 80*time.Millisecond,
		"documented port":                  c.GRPC.Addr == ":50051",
		"HTTP port":                        c.HTTPAddr == ":9090",
		"leeway":                           c.JWT.Leeway == 5*time.Second,
		"documented key format":            c.Redis.Prefix == "blacklist:",
		"log level":                        c.Log.Level == slog.LevelInfo,
	} {
		if !right {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestEachSettingIsChecked(t *testing.T) {
	for key, one := range map[string]struct{ value, want string }{
		"CHECK_DEADLINE":         {"250ms", "a duration from 10ms to 240ms"},
		"JWT_LEEWAY":             {"61s", "a duration from 0s to 1m0s"},
		"JWT_SECRET_RELOAD":      {"soon", "a duration from 50ms to 1h0m0s"},
		"JWT_MAX_BYTES":          {"10", "a whole number from 256 to 65536"},
		"JWT_ISSUER":             {"two words", "visible ASCII"},
		"JWT_AUDIENCE":           {"a\nb", "visible ASCII"},
		"JWT_TYPE":               {strings.Repeat("a", 257), "at most 256"},
		"REDIS_ADDR":             {"redis", "host:port"},
		"REDIS_DB":               {"-1", "a whole number from 0 to 255"},
		"REDIS_TLS":              {"yes", "true or false"},
		"REDIS_TIMEOUT":          {"200ms", "shorter than CHECK_DEADLINE (200ms)"},
		"REDIS_POOL_SIZE":        {"0", "a whole number from 1 to 10000"},
		"BLACKLIST_PREFIX":       {"black list:", "visible ASCII"},
		"GRPC_ADDR":              {"50051", "[host]:port"},
		"GRPC_MAX_MESSAGE_BYTES": {"1", "a whole number from 4096 to 4194304"},
		"GRPC_MAX_STREAMS":       {"many", "a whole number from 1 to 100000"},
		"HTTP_ADDR":              {":70000", "[host]:port"},
		"LOG_LEVEL":              {"INFO", "one of debug, info, warn, error"},
		"LOG_ALLOWED_EVERY":      {"-1", "a whole number from 0 to 1000000"},
		"LOG_DENIED_PER_SECOND":  {"1e3", "a whole number from 0 to 10000"},
		"READINESS_INTERVAL":     {"0", "a duration from 50ms to 1m0s"},
		"SHUTDOWN_DELAY":         {"-1s", "a duration from 0s to 1m0s"},
		"SHUTDOWN_TIMEOUT":       {"", "a duration from 10ms to 5m0s"},
	} {
		t.Run(key, func(t *testing.T) {
			_, err := Load(environment(t, map[string]string{key: one.value}))
			if err == nil || !strings.Contains(err.Error(), key+"=") || !strings.Contains(err.Error(), one.want) {
				t.Errorf("%v; want %q", err, one.want)
			}
		})
	}
}

func TestIssuerAudienceAndTypeMayNotBeEmpty(t *testing.T) {
	for _, key := range []string{"JWT_ISSUER", "JWT_AUDIENCE", "JWT_TYPE"} {
		_, err := Load(environment(t, map[string]string{key: ""}))
		if err == nil || !strings.Contains(err.Error(), key+`="": must be 1 to 256 visible ASCII`) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestEveryErrorAtOnce(t *testing.T) {
	_, err := Load(func(key string) (string, bool) {
		value, found := map[string]string{
			"JWT_LEEWAY": "2m", "GRPC_ADDR": "x", "REDIS_USERNAME": "ext-authz", "REDIS_CA_FILE": "/nowhere",
		}[key]
		return value, found
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`JWT_LEEWAY="2m": must be`, `GRPC_ADDR="x": must be`, `JWT_SECRET_FILE="": must be`, `REDIS_ADDR="": must be`,
		`JWT_ISSUER="": must be`, `JWT_AUDIENCE="": must be`, `JWT_TYPE="": must be`,
		`REDIS_PASSWORD_FILE="": must be set when REDIS_USERNAME is`, "REDIS_CA_FILE (value not shown)",
		`REDIS_TLS="false": must be true`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	const secret = "hunter2-hunter2"
	for name, changes := range map[string]map[string]string{
		"secret in place of a path":   {"JWT_SECRET_FILE": secret},
		"password in place of a path": {"REDIS_PASSWORD_FILE": secret},
		"secret too short":            {"JWT_SECRET_FILE": keyFile(t, secret)},
		"empty password":              {"REDIS_PASSWORD_FILE": keyFile(t, "\n")},
		"a directory":                 {"JWT_SECRET_FILE": t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(environment(t, changes))
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestReadmeListsEverySetting(t *testing.T) {
	asked := map[string]bool{}
	_, _ = Load(func(key string) (string, bool) {
		asked[key] = true
		return "", false
	})
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## Settings")
	section, _, _ = strings.Cut(section, "\n## ")
	listed := map[string]bool{}
	for _, name := range regexp.MustCompile("`([A-Z]+_[A-Z_]+)`").FindAllStringSubmatch(section, -1) {
		listed[name[1]] = true
	}
	if !maps.Equal(asked, listed) {
		t.Errorf("asked for %v\nlisted %v", slices.Sorted(maps.Keys(asked)), slices.Sorted(maps.Keys(listed)))
	}
}
