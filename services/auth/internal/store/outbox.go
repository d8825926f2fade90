package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Event waits in the outbox until Kafka has it.
type Event struct {
	Topic, Key, ID, Traceparent string
	Body                        []byte
}

// batch bounds what one transaction holds on to.
const batch = 100

// Relay hands the oldest waiting events to send, and marks them when it succeeds: at least once, in order. One replica at a time
// does it; the others find the lock taken. It returns how many were sent.
func (s *Store) Relay(ctx context.Context, send func(context.Context, []Event) error) (int, error) {
	sent := 0
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock(hashtext('relay'))").Scan(&mine); err != nil || !mine {
			return err
		}
		ids, events, err := waiting(ctx, tx)
		if err != nil || len(events) == 0 {
			return err
		}
		if err := send(ctx, events); err != nil {
			return err
		}
		sent = len(events)
		_, err = tx.Exec(ctx, "UPDATE outbox SET published_at = now() WHERE id = ANY($1)", ids)
		return err
	})
	return sent, err
}

func waiting(ctx context.Context, tx pgx.Tx) ([]int64, []Event, error) {
	rows, err := tx.Query(ctx, `SELECT id, topic, key, event_id::text, body, traceparent FROM outbox
		WHERE published_at IS NULL ORDER BY id LIMIT $1`, batch)
	if err != nil {
		return nil, nil, err
	}
	var ids []int64
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Event, error) {
		var id int64
		var e Event
		err := row.Scan(&id, &e.Topic, &e.Key, &e.ID, &e.Body, &e.Traceparent)
		ids = append(ids, id)
		return e, err
	})
	return ids, events, err
}

// Waiting counts the events that Kafka does not have yet.
func (s *Store) Waiting(ctx context.Context) (int64, error) {
	var count int64
	err := s.Pool.QueryRow(ctx, "SELECT count(*) FROM outbox WHERE published_at IS NULL").Scan(&count)
	return count, err
}

// Forget removes what was sent a week ago.
func (s *Store) Forget(ctx context.Context) error {
	_, err := s.Pool.Exec(ctx, "DELETE FROM outbox WHERE published_at < now() - interval '7 days'")
	return err
}
