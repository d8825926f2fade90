package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Renew hands one account whose token ends soon to renew, and keeps what it returns. False when there is none.
// A row that another replica is at is passed over; one that could not be renewed is tried again in an hour. What was renewed rests
// for a minute: a platform's tokens may all end soon.
func (s *Store) Renew(ctx context.Context, within time.Duration, renew func(context.Context, Account) (Account, error)) (bool, error) {
	found := false
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		var a Account
		err := tx.QueryRow(ctx, `SELECT id::text, user_id::text, platform, refresh_token FROM platform_accounts
			WHERE refresh_token IS NOT NULL AND expires_at < now() + $1 AND renew_after < now()
			ORDER BY expires_at LIMIT 1 FOR UPDATE SKIP LOCKED`, within).Scan(&a.ID, &a.UserID, &a.Platform, &a.RefreshToken)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		renewed, err := renew(ctx, a)
		if err != nil {
			_, err = tx.Exec(ctx, "UPDATE platform_accounts SET renew_after = now() + interval '1 hour' WHERE id = $1", a.ID)
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE platform_accounts SET access_token = $2, refresh_token = $3, expires_at = $4,
			renew_after = now() + interval '1 minute' WHERE id = $1`,
			a.ID, renewed.AccessToken, renewed.RefreshToken, renewed.ExpiresAt)
		return err
	})
	return found, err
}
