package token

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	first  = "first-secret-0123456789-0123456789-abc"
	second = "second-secret-0123456789-0123456789-ab"
	third  = "third-secret-0123456789-0123456789-abc"
)

func TestParseKeys(t *testing.T) {
	for name, one := range map[string]struct {
		content string
		keys    int
		err     string
	}{
		"one":                 {first, 1, ""},
		"line end":            {first + "\n", 1, ""},
		"Windows line end":    {first + "\r\n", 1, ""},
		"with kid":            {"k1 " + first, 1, ""},
		"comment, empty line": {"# current\n\n" + first + "\n", 1, ""},
		"rotation":            {"k2 " + second + "\nk1 " + first + "\n" + third, 3, ""},
		"32 bytes":            {strings.Repeat("a", 32), 1, ""},
		"31 bytes":            {strings.Repeat("a", 31), 0, "line 1: secret of 31 bytes: must be 32 to 1024"},
		"too long":            {strings.Repeat("a", 1025), 0, "line 1: secret of 1025 bytes"},
		"empty":               {"\n", 0, "0 keys: must be 1 to 8"},
		"only a comment":      {"# " + first, 0, "0 keys"},
		"three words":         {"k1 " + first + " more", 0, "line 1: more than a kid and a secret"},
		"kid too long":        {strings.Repeat("k", 129) + " " + first, 0, "line 1: kid of 129 bytes"},
		"same kid":            {"k1 " + first + "\nk1 " + second, 0, "line 2: this kid or secret is there already"},
		"same secret":         {"k1 " + first + "\nk2 " + first, 0, "line 2: this kid or secret is there already"},
		"two bad lines":       {"short\n" + first + "\nk1 short", 0, "line 3: secret of 5 bytes"},
		"nine keys":           {strings.Join(numbered(9), "\n"), 0, "9 keys: must be 1 to 8"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := ParseKeys([]byte(one.content))
			if one.err == "" && (err != nil || len(keys) != one.keys) {
				t.Fatalf("%d keys, %v", len(keys), err)
			}
			if one.err != "" && (err == nil || !strings.Contains(err.Error(), one.err) || keys != nil) {
				t.Fatalf("%d keys, %v; want %q", len(keys), err, one.err)
			}
		})
	}
}

func numbered(count int) []string {
	var lines []string
	for i := range count {
		lines = append(lines, strings.Repeat(string(rune('a'+i)), MinSecretBytes))
	}
	return lines
}

func TestErrorsOfKeysShowNoSecret(t *testing.T) {
	_, err := ParseKeys([]byte("hunter2\nk1 hunter2\n" + first + " hunter2 x"))
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), first) {
		t.Errorf("%v", err)
	}
}

func FuzzParseKeys(f *testing.F) {
	for _, seed := range []string{first, "k1 " + first, "#\n" + first + "\n\n" + second, "short", "a b c", "\xff\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		keys, err := ParseKeys(content)
		if (err == nil) != (len(keys) > 0) || len(keys) > maxKeys {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		for _, one := range keys {
			if len(one.secret) < MinSecretBytes || strings.ContainsAny(string(one.secret), " \t\r\n") {
				t.Fatalf("a secret of %d bytes passed", len(one.secret))
			}
		}
	})
}

func writeKeys(t *testing.T, path string, lines ...string) {
	t.Helper()
	// As a mounted secret changes: another file takes the name.
	if err := os.WriteFile(path+".new", []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestKeyringKeepsGoodKeysWhenTheFileTurnsBad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	writeKeys(t, path, first)
	ring, err := OpenKeyring(path)
	if err != nil {
		t.Fatal(err)
	}
	writeKeys(t, path, "short")
	if changed, err := ring.Reload(); changed || err == nil || len(ring.Keys()) != 1 {
		t.Errorf("short key: changed %t, %v, %d keys", changed, err, len(ring.Keys()))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if changed, err := ring.Reload(); changed || err == nil || len(ring.Keys()) != 1 {
		t.Errorf("no file: changed %t, %v, %d keys", changed, err, len(ring.Keys()))
	}
	writeKeys(t, path, second, first)
	if changed, err := ring.Reload(); !changed || err != nil || len(ring.Keys()) != 2 {
		t.Errorf("two keys: changed %t, %v, %d keys", changed, err, len(ring.Keys()))
	}
	if changed, err := ring.Reload(); changed || err != nil {
		t.Errorf("same file: changed %t, %v", changed, err)
	}
}

func TestKeyringOpensOnlyGoodFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s3cret-path")
	for name, prepare := range map[string]func(){
		"no file":   func() {},
		"short key": func() { writeKeys(t, path, "short") },
		"too large": func() { writeKeys(t, path, strings.Repeat("#", 2<<20)) },
	} {
		prepare()
		if _, err := OpenKeyring(path); err == nil || strings.Contains(err.Error(), "s3cret-path") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeyringFollowsItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	writeKeys(t, path, first)
	ring, err := OpenKeyring(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	reports := make(chan int, 1)
	go ring.Follow(ctx, time.Millisecond, func(keys int, err error) { reports <- keys })
	writeKeys(t, path, first, second)
	select {
	case keys := <-reports:
		if keys != 2 {
			t.Errorf("%d keys", keys)
		}
	case <-ctx.Done():
		t.Error("never reported")
	}
}
