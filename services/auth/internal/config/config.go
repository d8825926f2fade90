// Package config reads the service's settings from the environment; every error is named at once.
package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
)

// Config is all that the service is told. Secrets are files, read once.
type Config struct {
	GRPCAddr, HTTPAddr string
	Database           Database
	Redis              Redis
	Kafka              Kafka
	JWT                JWT
	Platforms          map[string]Platform
	// SealingKey is what platforms' tokens are encrypted with in the database: random, 32 characters or more.
	SealingKey string
	// TrustedProxies stand before the gateway: the client is that many entries before X-Forwarded-For's last, which is theirs.
	TrustedProxies int
	ShutdownDelay  time.Duration
	RelayInterval  time.Duration
}

// Database is PostgreSQL, over TLS against CAFile.
type Database struct {
	Host, Port, Name, User, Password, CAFile string
}

// Redis holds what is revoked, and counts.
type Redis struct{ Addr, Username, Password string }

// Kafka is reached over TLS against CAFile, with SCRAM-SHA-512.
type Kafka struct {
	Brokers                    []string
	CAFile, Username, Password string
}

// JWT is how access tokens are made.
type JWT struct {
	Secret, Issuer, Audience string
	TTL                      time.Duration
}

// Platform is a streaming platform's OAuth client.
type Platform struct {
	TokenURL    string `json:"token_url"`
	UserURL     string `json:"user_url"`
	RedirectURL string `json:"redirect_url"`
	IDField     string `json:"id_field"`
	// IDPattern: what the field holds is a text in which the one group of this is the id, as in Afreeca's; without it, the id itself.
	IDPattern string `json:"id_pattern"`
	// Posts: the user's endpoint takes the token in a form, as Afreeca's does, instead of a header.
	Posts        bool           `json:"posts"`
	ClientIDFile string         `json:"client_id_file"`
	SecretFile   string         `json:"client_secret_file"`
	ID           *regexp.Regexp `json:"-"`
	ClientID     string         `json:"-"`
	Secret       string         `json:"-"`
}

type reader struct {
	lookup func(string) (string, bool)
	failed []error
}

// Load reads the settings; the error lists everything that is wrong.
func Load(lookup func(string) (string, bool)) (Config, error) {
	r := &reader{lookup: lookup}
	found := Config{
		GRPCAddr: r.text("GRPC_ADDR", ":50051"),
		HTTPAddr: r.text("HTTP_ADDR", ":9090"),
		Database: Database{
			Host: r.text("DATABASE_HOST", ""), Port: r.text("DATABASE_PORT", "5432"),
			Name: r.text("DATABASE_NAME", ""), User: r.text("DATABASE_USER", ""),
			Password: r.file("DATABASE_PASSWORD_FILE"), CAFile: r.text("DATABASE_CA_FILE", ""),
		},
		Redis: Redis{
			Addr: r.text("REDIS_ADDR", ""), Username: r.text("REDIS_USERNAME", ""), Password: r.file("REDIS_PASSWORD_FILE"),
		},
		Kafka: Kafka{
			Brokers: strings.Split(r.text("KAFKA_BROKERS", ""), ","), CAFile: r.text("KAFKA_CA_FILE", ""),
			Username: r.text("KAFKA_USERNAME", ""), Password: r.file("KAFKA_PASSWORD_FILE"),
		},
		JWT: JWT{
			Secret: r.file("JWT_SECRET_FILE"), Issuer: r.text("JWT_ISSUER", ""), Audience: r.text("JWT_AUDIENCE", ""),
			TTL: r.duration("JWT_TTL", "15m"),
		},
		Platforms:      r.platforms("PLATFORMS_FILE"),
		SealingKey:     r.file("SEALING_KEY_FILE"),
		TrustedProxies: r.number("TRUSTED_PROXIES", "1"),
		ShutdownDelay:  r.duration("SHUTDOWN_DELAY", "5s"),
		RelayInterval:  r.duration("RELAY_INTERVAL", "250ms"),
	}
	if r.failed == nil && len(found.JWT.Secret) < 32 {
		r.fail("JWT_SECRET_FILE", "holds fewer than 32 bytes")
	}
	return found, errors.Join(r.failed...)
}

func (r *reader) fail(key, why string) { r.failed = append(r.failed, fmt.Errorf("%s: %s", key, why)) }

// text is a setting; without a value and without a default it is missing.
func (r *reader) text(key, otherwise string) string {
	if value, ok := r.lookup(key); ok && value != "" {
		return value
	}
	if otherwise == "" {
		r.fail(key, "missing")
	}
	return otherwise
}

func (r *reader) file(key string) string {
	path := r.text(key, "")
	if path == "" {
		return ""
	}
	return r.content(key, path)
}

func (r *reader) content(key, path string) string {
	text, err := os.ReadFile(path)
	value := strings.TrimSpace(string(text))
	if err != nil {
		r.fail(key, err.Error())
	} else if value == "" {
		r.fail(key, path+" is empty")
	}
	return value
}

func (r *reader) duration(key, otherwise string) time.Duration {
	value, err := time.ParseDuration(r.text(key, otherwise))
	if err != nil || value < 0 {
		r.fail(key, "not a duration such as 15m")
	}
	return value
}

func (r *reader) number(key, otherwise string) int {
	var value int
	if _, err := fmt.Sscanf(r.text(key, otherwise), "%d", &value); err != nil || value < 0 {
		r.fail(key, "not a number such as 1")
	}
	return value
}

func (r *reader) platforms(key string) map[string]Platform {
	found := map[string]Platform{}
	path := r.text(key, "")
	if path == "" {
		return found
	}
	if err := json.Unmarshal([]byte(r.content(key, path)), &found); err != nil {
		r.fail(key, err.Error())
	}
	for name, one := range found {
		if one.IDPattern != "" {
			id, err := regexp.Compile(one.IDPattern)
			if err != nil || id.NumSubexp() != 1 {
				r.fail(key, name+": id_pattern is no expression with one group")
			}
			one.ID = id
		}
		one.ClientID, one.Secret = r.content(name, one.ClientIDFile), r.content(name, one.SecretFile)
		found[name] = one
	}
	return found
}
