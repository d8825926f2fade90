// Package config turns the environment into the service's settings and names
// everything that is wrong with it at once.
package config

import (
	"log/slog"
	"time"
)

// MaxDeadline stays under the 250 ms after which the mesh gives up on a check,
// so that the client gets this service's answer and not the proxy's.
const MaxDeadline = 240 * time.Millisecond

// Config holds paths of secrets, never secrets.
type Config struct {
	Deadline time.Duration

	JWT       JWT
	Redis     Redis
	GRPC      GRPC
	HTTPAddr  string
	Log       Log
	Lifecycle Lifecycle
}

// JWT says which tokens are accepted.
type JWT struct {
	SecretFile     string
	ReloadInterval time.Duration
	Leeway         time.Duration
	Issuer         string
	Audience       string
	TokenType      string
	MaxBytes       int
}

// Redis says where revoked tokens are listed.
type Redis struct {
	Addr         string
	Username     string
	PasswordFile string
	DB           int
	TLS          bool
	CAFile       string
	Timeout      time.Duration
	PoolSize     int
	Prefix       string
}

// GRPC bounds what one caller can ask of the server.
type GRPC struct {
	Addr            string
	MaxMessageBytes int
	MaxStreams      int
}

// Log says what is written, and how much of it.
type Log struct {
	Level           slog.Level
	AllowedEvery    int
	DeniedPerSecond int
}

// Lifecycle times readiness checks and the way down.
type Lifecycle struct {
	ReadinessInterval time.Duration
	ShutdownDelay     time.Duration
	ShutdownTimeout   time.Duration
}

// Load reads every setting through lookup (os.LookupEnv) and joins every error.
func Load(lookup func(string) (string, bool)) (Config, error) {
	r := &reader{lookup: lookup}
	c := Config{
		Deadline: r.duration("CHECK_DEADLINE", 200*time.Millisecond, 10*time.Millisecond, MaxDeadline),
		JWT:      readJWT(r),
		Redis:    readRedis(r),
		GRPC: GRPC{
			Addr:            r.addr("GRPC_ADDR", ":50051"),
			MaxMessageBytes: r.integer("GRPC_MAX_MESSAGE_BYTES", 128<<10, 4<<10, 4<<20),
			MaxStreams:      r.integer("GRPC_MAX_STREAMS", 1000, 1, 100_000),
		},
		HTTPAddr: r.addr("HTTP_ADDR", ":9090"),
		Log: Log{
			Level:           r.level("LOG_LEVEL", slog.LevelInfo),
			AllowedEvery:    r.integer("LOG_ALLOWED_EVERY", 100, 0, 1_000_000),
			DeniedPerSecond: r.integer("LOG_DENIED_PER_SECOND", 20, 0, 10_000),
		},
		Lifecycle: Lifecycle{
			ReadinessInterval: r.duration("READINESS_INTERVAL", 2*time.Second, 50*time.Millisecond, time.Minute),
			ShutdownDelay:     r.duration("SHUTDOWN_DELAY", 5*time.Second, 0, time.Minute),
			ShutdownTimeout:   r.duration("SHUTDOWN_TIMEOUT", 10*time.Second, 10*time.Millisecond, 5*time.Minute),
		},
	}
	c.check(r)
	return c, r.err()
}

func readJWT(r *reader) JWT {
	return JWT{
		SecretFile:     r.file("JWT_SECRET_FILE", required, keys),
		ReloadInterval: r.duration("JWT_SECRET_RELOAD", 30*time.Second, 50*time.Millisecond, time.Hour),
		Leeway:         r.duration("JWT_LEEWAY", 5*time.Second, 0, time.Minute),
		Issuer:         r.requiredText("JWT_ISSUER"),
		Audience:       r.requiredText("JWT_AUDIENCE"),
		TokenType:      r.requiredText("JWT_TYPE"),
		MaxBytes:       r.integer("JWT_MAX_BYTES", 8<<10, 256, 64<<10),
	}
}

func readRedis(r *reader) Redis {
	return Redis{
		Addr:         r.hostPort("REDIS_ADDR"),
		Username:     r.text("REDIS_USERNAME", ""),
		PasswordFile: r.file("REDIS_PASSWORD_FILE", optional, password),
		DB:           r.integer("REDIS_DB", 0, 0, 255),
		TLS:          r.boolean("REDIS_TLS", false),
		CAFile:       r.file("REDIS_CA_FILE", optional, anything),
		Timeout:      r.duration("REDIS_TIMEOUT", 80*time.Millisecond, time.Millisecond, MaxDeadline),
		PoolSize:     r.integer("REDIS_POOL_SIZE", 32, 1, 10_000),
		Prefix:       r.text("BLACKLIST_PREFIX", "blacklist:"),
	}
}

// check holds the rules between settings.
func (c Config) check(r *reader) {
	if c.Redis.Timeout >= c.Deadline && c.Deadline > 0 && c.Redis.Timeout > 0 {
		r.fail("REDIS_TIMEOUT", c.Redis.Timeout.String(), "shorter than CHECK_DEADLINE ("+c.Deadline.String()+")")
	}
	if c.Redis.Username != "" && c.Redis.PasswordFile == "" {
		r.fail("REDIS_PASSWORD_FILE", "", "set when REDIS_USERNAME is")
	}
	if c.Redis.CAFile != "" && !c.Redis.TLS {
		r.fail("REDIS_TLS", "false", "true when REDIS_CA_FILE is set")
	}
}
