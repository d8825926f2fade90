package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEverythingMissingIsNamedAtOnce(t *testing.T) {
	_, err := Load(func(string) (string, bool) { return "", false })
	for _, key := range []string{
		"DATABASE_HOST", "DATABASE_PASSWORD_FILE", "DATABASE_CA_FILE", "REDIS_ADDR", "KAFKA_BROKERS", "KAFKA_CA_FILE", "JWT_SECRET_FILE",
		"PLATFORMS_FILE", "SEALING_KEY_FILE",
	} {
		if err == nil || !strings.Contains(err.Error(), key+": missing") {
			t.Errorf("%s is not named in %v", key, err)
		}
	}
}

func TestWhatCannotBeUsedIsRefused(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret := write("secret", strings.Repeat("s", 32))
	platforms := write("platforms", `{"twitch": {"client_id_file": "`+secret+`", "client_secret_file": "`+secret+`"}}`)
	withPattern := func(pattern string) string {
		return write("pattern", `{"afreeca": {"client_id_file": "`+secret+`", "client_secret_file": "`+secret+`", "id_pattern": "`+pattern+`"}}`)
	}
	given := func(jwt string) func(string) (string, bool) {
		return func(key string) (string, bool) {
			switch {
			case key == "JWT_SECRET_FILE":
				return jwt, true
			case key == "PLATFORMS_FILE":
				return platforms, true
			case strings.HasSuffix(key, "_FILE"):
				return secret, true
			case strings.HasPrefix(key, "JWT_TTL"), strings.HasSuffix(key, "DELAY"), strings.HasSuffix(key, "INTERVAL"), key == "TRUSTED_PROXIES":
				return "", false
			}
			return "x", true
		}
	}
	if c, err := Load(given(secret)); err != nil || c.Platforms["twitch"].Secret == "" {
		t.Fatal(c, err)
	}
	if _, err := Load(given(write("short", "short"))); err == nil || !strings.Contains(err.Error(), "32 bytes") {
		t.Fatal(err)
	}
	for _, bad := range []string{"(", "no group", "(two)(groups)"} {
		platforms = withPattern(bad)
		if _, err := Load(given(secret)); err == nil || !strings.Contains(err.Error(), "afreeca: id_pattern") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
