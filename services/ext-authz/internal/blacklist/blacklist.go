// Package blacklist asks Redis whether a token was revoked. An error is never an
// answer: whoever gets one has to deny.
package blacklist

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"edge-platform/services/ext-authz/internal/secretfile"
)

// Options say where Redis is and how long one step with it may take.
type Options struct {
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

// Blacklist is safe for concurrent use.
type Blacklist struct {
	client *redis.Client
	prefix string
}

// Open connects lazily: a Redis that is down delays nothing but readiness.
func Open(o Options) (*Blacklist, error) {
	options := &redis.Options{
		Addr: o.Addr,
		DB:   o.DB,
		// The caller's deadline bounds the whole call, these bound its steps.
		ContextTimeoutEnabled: true,
		DialTimeout:           o.Timeout,
		ReadTimeout:           o.Timeout,
		WriteTimeout:          o.Timeout,
		PoolTimeout:           o.Timeout,
		// One more try is for a pooled connection that Redis has closed meanwhile.
		MaxRetries:      1,
		MinRetryBackoff: time.Millisecond,
		MaxRetryBackoff: 2 * time.Millisecond,
		DialerRetries:   1,
		PoolSize:        o.PoolSize,
		MaxActiveConns:  o.PoolSize,
		// Neither is needed, and a narrow ACL may refuse their commands.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		PipelinePoolSize:         -1,
	}
	if o.PasswordFile != "" {
		options.CredentialsProviderContext = credentials(o.Username, o.PasswordFile)
	}
	if o.TLS {
		settings, err := tlsSettings(o.Addr, o.CAFile)
		if err != nil {
			return nil, err
		}
		options.TLSConfig = settings
	}
	return &Blacklist{client: redis.NewClient(options), prefix: o.Prefix}, nil
}

// credentials are read for each new connection, so that a rotated password needs
// no restart.
func credentials(username, path string) func(context.Context) (string, string, error) {
	return func(context.Context) (string, string, error) {
		password, err := secretfile.Read(path)
		if err != nil {
			return "", "", fmt.Errorf("redis password: %w", err)
		}
		return username, string(bytes.TrimSpace(password)), nil
	}
}

func tlsSettings(addr, caFile string) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if caFile == "" {
		return settings, nil
	}
	bundle, err := secretfile.Read(caFile)
	if err != nil {
		return nil, fmt.Errorf("redis CA: %w", err)
	}
	settings.RootCAs = x509.NewCertPool()
	if !settings.RootCAs.AppendCertsFromPEM(bundle) {
		return nil, errors.New("redis CA: no certificate in PEM form")
	}
	return settings, nil
}

// IsRevoked asks for presence only: an entry revokes whatever its value is.
func (b *Blacklist) IsRevoked(ctx context.Context, id string) (bool, error) {
	count, err := b.client.Exists(ctx, b.prefix+id).Result()
	if err != nil {
		return false, err
	}
	return count != 0, nil
}

// Ping asks the same command as a check does: a user who may only ping, or a
// server that is still loading its data, is not ready.
func (b *Blacklist) Ping(ctx context.Context) error {
	_, err := b.IsRevoked(ctx, "readiness")
	return err
}

// Close ends the pool.
func (b *Blacklist) Close() error { return b.client.Close() }

// Kind sorts an error for a metric.
func Kind(err error) string {
	var timeout net.Error
	var reply redis.Error
	switch {
	case errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted):
		return KindPool
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return KindTimeout
	case errors.Is(err, context.Canceled):
		return KindCanceled
	case errors.As(err, &reply):
		return KindReply
	default:
		return KindConnection
	}
}

// The kinds of errors.
const (
	KindTimeout    = "timeout"
	KindPool       = "pool"
	KindReply      = "reply"
	KindCanceled   = "canceled"
	KindConnection = "connection"
)

// Kinds lists them all.
func Kinds() []string {
	return []string{KindTimeout, KindPool, KindReply, KindCanceled, KindConnection}
}
