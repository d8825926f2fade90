// Package store is PostgreSQL: users, their platform accounts, and the outbox, which is written in the same transaction.
package store

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"edge-platform/services/auth/internal/config"
)

//go:embed schema.sql
var schema string

var (
	// ErrTaken is a second user of one e-mail address, or a platform account that is connected already.
	ErrTaken = errors.New("taken")
	// ErrNone is a user that is not there.
	ErrNone = errors.New("no such user")
)

const uniqueViolation = "23505"

// User is one that may log in.
type User struct {
	ID, Email, PasswordHash, DisplayName string
	Roles                                []string
	Active                               bool
}

// Account is a user's on a platform; its tokens are sealed.
type Account struct {
	ID, UserID, Platform, PlatformUserID string
	AccessToken, RefreshToken            []byte
	ExpiresAt                            *time.Time
}

// Store is a pool of connections.
type Store struct{ Pool *pgxpool.Pool }

// Open prepares the pool; the server's certificate must be of the CA and name the host.
func Open(ctx context.Context, c config.Database) (*Store, error) {
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(c.User, c.Password), Host: net.JoinHostPort(c.Host, c.Port), Path: c.Name,
		RawQuery: url.Values{
			"sslmode": {"verify-full"}, "sslrootcert": {c.CAFile}, "connect_timeout": {"3"}, "pool_max_conns": {"10"},
			"statement_timeout": {"5000"}, "application_name": {"auth-service"},
		}.Encode(),
	}
	pool, err := pgxpool.New(ctx, address.String())
	if err != nil {
		return nil, errors.New("database: settings that cannot be read") // the error holds the password
	}
	return &Store{pool}, nil
}

// Prepare makes the tables that are not there yet.
func (s *Store) Prepare(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('schema'))"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, schema)
		return err
	})
}

// AddUser inserts the user and what is to be told of it, both or neither.
func (s *Store) AddUser(ctx context.Context, user User, event Event) error {
	return s.with(ctx, event, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO users (id, email, password_hash, display_name) VALUES ($1, $2, $3, $4)",
			user.ID, user.Email, user.PasswordHash, user.DisplayName)
		return err
	})
}

// AddAccount inserts the user's account on a platform, and what is to be told of it. One that is connected already is ErrTaken.
func (s *Store) AddAccount(ctx context.Context, a Account, event Event) error {
	return s.with(ctx, event, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO platform_accounts
			(id, user_id, platform, platform_user_id, access_token, refresh_token, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			a.ID, a.UserID, a.Platform, a.PlatformUserID, a.AccessToken, a.RefreshToken, a.ExpiresAt)
		return err
	})
}

// Add writes only what is to be told.
func (s *Store) Add(ctx context.Context, event Event) error {
	return s.with(ctx, event, func(pgx.Tx) error { return nil })
}

func (s *Store) with(ctx context.Context, event Event, write func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := write(tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO outbox (topic, key, event_id, body, traceparent) VALUES ($1, $2, $3, $4, $5)",
			event.Topic, event.Key, event.ID, event.Body, event.Traceparent)
		return err
	})
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == uniqueViolation {
		return ErrTaken
	}
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

// ByEmail finds a user, or ErrNone.
func (s *Store) ByEmail(ctx context.Context, email string) (User, error) {
	return s.one(ctx, "email = $1", email)
}

// ByID finds a user, or ErrNone.
func (s *Store) ByID(ctx context.Context, id string) (User, error) {
	return s.one(ctx, "id = $1", id)
}

func (s *Store) one(ctx context.Context, where, value string) (User, error) {
	var u User
	row := s.Pool.QueryRow(ctx,
		"SELECT id::text, email, password_hash, display_name, roles, active FROM users WHERE "+where, value)
	err := row.Scan(&u.ID, &u.Email, &u.PasswordHash, &u.DisplayName, &u.Roles, &u.Active)
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, ErrNone
	}
	if err != nil {
		return User{}, fmt.Errorf("database: %w", err)
	}
	return u, nil
}

// Deactivate lets a user log in no more. One that is not there is none to deactivate.
func (s *Store) Deactivate(ctx context.Context, id string) error {
	if uuid.Validate(id) != nil {
		return ErrNone
	}
	_, err := s.Pool.Exec(ctx, "UPDATE users SET active = false WHERE id = $1", id)
	return err
}
