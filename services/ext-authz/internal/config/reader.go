package config

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"edge-platform/services/ext-authz/internal/secretfile"
	"edge-platform/services/ext-authz/internal/token"
)

const (
	required = true
	optional = false

	maxText = 256
)

// reader collects errors instead of stopping at the first.
type reader struct {
	lookup func(string) (string, bool)
	errs   []error
}

func (r *reader) err() error { return errors.Join(r.errs...) }

func (r *reader) fail(key, value, allowed string) {
	r.errs = append(r.errs, fmt.Errorf("%s=%q: must be %s", key, value, allowed))
}

func (r *reader) raw(key, fallback string) string {
	if value, ok := r.lookup(key); ok {
		return value
	}
	return fallback
}

func (r *reader) text(key, fallback string) string {
	value := r.raw(key, fallback)
	if len(value) > maxText || strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c > '~' }) {
		r.fail(key, value, fmt.Sprintf("at most %d visible ASCII characters", maxText))
	}
	return value
}

func (r *reader) requiredText(key string) string {
	value := r.text(key, "")
	if value == "" {
		r.fail(key, value, fmt.Sprintf("1 to %d visible ASCII characters", maxText))
	}
	return value
}

func (r *reader) duration(key string, fallback, low, high time.Duration) time.Duration {
	value := r.raw(key, fallback.String())
	d, err := time.ParseDuration(value)
	if err != nil || d < low || d > high {
		r.fail(key, value, fmt.Sprintf("a duration from %s to %s", low, high))
		return 0
	}
	return d
}

func (r *reader) integer(key string, fallback, low, high int) int {
	value := r.raw(key, strconv.Itoa(fallback))
	n, err := strconv.Atoi(value)
	if err != nil || n < low || n > high {
		r.fail(key, value, fmt.Sprintf("a whole number from %d to %d", low, high))
		return 0
	}
	return n
}

func (r *reader) boolean(key string, fallback bool) bool {
	value := r.raw(key, strconv.FormatBool(fallback))
	if value != "true" && value != "false" {
		r.fail(key, value, "true or false")
	}
	return value == "true"
}

func (r *reader) level(key string, fallback slog.Level) slog.Level {
	value := r.raw(key, strings.ToLower(fallback.String()))
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	level, ok := levels[value]
	if !ok {
		r.fail(key, value, "one of debug, info, warn, error")
	}
	return level
}

// addr is where to listen: the host may be left out.
func (r *reader) addr(key, fallback string) string {
	value := r.raw(key, fallback)
	if _, port, err := net.SplitHostPort(value); err != nil || !isPort(port, 0) {
		r.fail(key, value, "[host]:port")
	}
	return value
}

// hostPort is where to connect to.
func (r *reader) hostPort(key string) string {
	value := r.raw(key, "")
	if host, port, err := net.SplitHostPort(value); err != nil || host == "" || !isPort(port, 1) {
		r.fail(key, value, "host:port")
	}
	return value
}

func isPort(text string, low int) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= low && n <= 65535
}

// file checks that a file can be read and, with valid, what it says. Neither its
// content nor the value of the setting is ever shown: a secret put there by mistake
// must not reach a log.
func (r *reader) file(key string, needed bool, valid func([]byte) error) string {
	path := r.raw(key, "")
	if path == "" {
		if needed {
			r.fail(key, "", "the path of a readable file")
		}
		return ""
	}
	content, err := secretfile.Read(path)
	if err == nil {
		err = valid(content)
	}
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s (value not shown): must be the path of a good file: %w", key, err))
	}
	return path
}

func anything([]byte) error { return nil }

func keys(content []byte) error {
	_, err := token.ParseKeys(content)
	return err
}

func password(content []byte) error {
	if len(bytes.TrimSpace(content)) == 0 {
		return errors.New("empty")
	}
	return nil
}
