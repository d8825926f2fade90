package sealed

import (
	"strings"
	"testing"
)

func TestOnlyTheOwnersRowOpens(t *testing.T) {
	box, err := NewBox(strings.Repeat("0f", 32))
	if err != nil {
		t.Fatal(err)
	}
	shut := box.Seal("secret", "row 1")
	if got, err := box.Open(shut, "row 1"); err != nil || got != "secret" {
		t.Fatal(got, err)
	}
	if _, err := box.Open(shut, "row 2"); err == nil {
		t.Fatal("it opens in another's row")
	}
	other, _ := NewBox(strings.Repeat("f0", 32))
	if _, err := other.Open(shut, "row 1"); err == nil {
		t.Fatal("it opens by another key")
	}
	shut[len(shut)-1] ^= 1
	if _, err := box.Open(shut, "row 1"); err == nil {
		t.Fatal("it opens though it was changed")
	}
	if _, err := NewBox("short"); err == nil {
		t.Fatal("a short key is taken")
	}
}
