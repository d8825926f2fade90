// Package limit is what the service keeps in Redis: how often a login was tried, and which tokens are void.
package limit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// Tries is how many logins one account, and one address, may try in a Window (§6.2).
	Tries = 5
	// Window is also how long the next one locks.
	Window = time.Minute
	// An account's owner is known at so many addresses, the last ones, for so long after a login.
	knownAddresses = 8
	knownFor       = 30 * 24 * time.Hour
)

// Counted in one step, so that no number of replicas and of requests at once counts less. An answer above 0 is the lock's rest.
// Who comes from an address of KEYS[3] is counted apart from all others: nobody locks an account's owner out from elsewhere.
var attempt = redis.NewScript(`
local tries, lock = KEYS[1], KEYS[2]
if KEYS[3] and redis.call('ZSCORE', KEYS[3], ARGV[3]) then tries, lock = KEYS[4], KEYS[5] end
local rest = redis.call('PTTL', lock)
if rest > 0 then return rest end
local count = redis.call('INCR', tries)
if count == 1 then redis.call('PEXPIRE', tries, ARGV[2]) end
if count <= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', tries)
redis.call('SET', lock, '1', 'PX', ARGV[2])
return tonumber(ARGV[2])
`)

var remember = redis.NewScript(`
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 0
`)

// Redis is the store of both.
type Redis struct{ Client redis.UniversalClient }

// Attempt counts a login of the account from the address. Above 0 it is refused, for that long.
func (r Redis) Attempt(ctx context.Context, account, address string) (time.Duration, error) {
	of, from := ofAccount(account), hashed(address)
	var longest time.Duration
	for _, keys := range [][]string{
		{of + ":tries", of + ":lock", of + ":known", of + ":tries:" + from, of + ":lock:" + from},
		{"{login:address:" + address + "}:tries", "{login:address:" + address + "}:lock"},
	} {
		rest, err := attempt.Run(ctx, r.Client, keys, Tries, Window.Milliseconds(), from).Int64()
		if err != nil {
			return 0, fmt.Errorf("counting logins: %w", err)
		}
		longest = max(longest, time.Duration(rest)*time.Millisecond)
	}
	return longest, nil
}

// Know remembers that the account's owner has logged in from the address.
func (r Redis) Know(ctx context.Context, account, address string) error {
	keys := []string{ofAccount(account) + ":known"}
	err := remember.Run(ctx, r.Client, keys, time.Now().UnixMilli(), hashed(address), knownAddresses, knownFor.Milliseconds()).Err()
	if err != nil {
		return fmt.Errorf("remembering an address: %w", err)
	}
	return nil
}

func ofAccount(account string) string { return "{login:account:" + hashed(account) + "}" }

// hashed keeps e-mail addresses out of Redis.
func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// Revoke voids one token until it expires.
func (r Redis) Revoke(ctx context.Context, id string, until time.Time) error {
	return r.Client.Set(ctx, "blacklist:"+id, "1", max(time.Until(until), time.Second)).Err()
}

// RevokeUser voids all tokens of a user that were made until then; keep is as long as such a token may live.
func (r Redis) RevokeUser(ctx context.Context, user string, then time.Time, keep time.Duration) error {
	return r.Client.Set(ctx, "blacklist:user:"+user, then.Unix(), keep).Err()
}

// Revoked says whether the token is void.
func (r Redis) Revoked(ctx context.Context, id, user string, made time.Time) (bool, error) {
	found, err := r.Client.MGet(ctx, "blacklist:"+id, "blacklist:user:"+user).Result()
	if err != nil {
		return false, fmt.Errorf("asking what is revoked: %w", err)
	}
	if len(found) != 2 {
		return false, errors.New("asking what is revoked: no answer")
	}
	if found[0] != nil {
		return true, nil
	}
	if found[1] == nil {
		return false, nil
	}
	var until int64
	if _, err := fmt.Sscan(fmt.Sprint(found[1]), &until); err != nil {
		return true, nil
	}
	return made.Unix() <= until, nil
}
