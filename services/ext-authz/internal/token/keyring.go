package token

import (
	"bytes"
	"context"
	"sync/atomic"
	"time"

	"edge-platform/services/ext-authz/internal/secretfile"
)

// Keyring holds the keys of a file and follows the file when it changes. A file
// that turns bad changes nothing: the keys that worked stay.
type Keyring struct {
	path    string
	keys    atomic.Pointer[Keys]
	content []byte
}

// OpenKeyring reads the file once and fails when it holds no good keys.
func OpenKeyring(path string) (*Keyring, error) {
	ring := &Keyring{path: path}
	if _, err := ring.Reload(); err != nil {
		return nil, err
	}
	return ring, nil
}

// Keys may be called while the file is read again.
func (k *Keyring) Keys() Keys {
	if keys := k.keys.Load(); keys != nil {
		return *keys
	}
	return nil
}

// Reload reads the file and says whether its keys changed. It is not for
// concurrent use.
func (k *Keyring) Reload() (changed bool, err error) {
	content, err := secretfile.Read(k.path)
	if err != nil {
		return false, err
	}
	if k.content != nil && bytes.Equal(content, k.content) {
		return false, nil
	}
	keys, err := ParseKeys(content)
	if err != nil {
		return false, err
	}
	k.keys.Store(&keys)
	k.content = content
	return true, nil
}

// Follow reloads until ctx ends and reports each reload that changed or failed.
func (k *Keyring) Follow(ctx context.Context, every time.Duration, report func(keys int, err error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if changed, err := k.Reload(); changed || err != nil {
				report(len(k.Keys()), err)
			}
		}
	}
}
