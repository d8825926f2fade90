package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"edge-platform/services/auth/internal/pb"
)

// Deactivated is the topic on which UserProfileService tells of deleted and suspended users (§3.2).
const Deactivated = "user.events.user_deactivated"

// Deactivation voids the user's tokens and ends further logins. Both may be done again, so a record that comes twice does no harm.
func Deactivation(
	deactivate func(ctx context.Context, user string) error, revoke func(ctx context.Context, user string, then time.Time) error,
) Handler {
	return func(ctx context.Context, record *kgo.Record) error {
		var event pb.UserDeactivated
		if err := proto.Unmarshal(record.Value, &event); err != nil {
			return errors.New("not a UserDeactivated")
		}
		id, err := uuid.Parse(event.GetUserId())
		if err != nil {
			return errors.New("user_id is no UUID")
		}
		// In the one form in which tokens have it.
		user := id.String()
		if err := deactivate(ctx, user); err != nil {
			return fmt.Errorf("database: %w", err)
		}
		return revoke(ctx, user, time.Now())
	}
}
