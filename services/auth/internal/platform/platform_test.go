package platform

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"edge-platform/services/auth/internal/config"
)

// pretend is a platform; it takes the code "good" with the verifier "v".
func pretend(t *testing.T, wait time.Duration) (*Clients, *httptest.Server) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
		}
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.FormValue("client_secret") != "s" || r.FormValue("redirect_uri") != "https://auth.test/cb" && r.FormValue("code") != "":
			w.WriteHeader(http.StatusUnauthorized)
		case r.FormValue("code") == "good" && r.FormValue("code_verifier") == "v", r.FormValue("refresh_token") == "r":
			_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "at", "refresh_token": "r2", "expires_in": 60, "token_type": "bearer"})
		case r.FormValue("code") == "broken":
			w.WriteHeader(http.StatusBadGateway)
		case r.FormValue("code") == "away":
			http.Redirect(w, r, "/stolen", http.StatusTemporaryRedirect)
		default:
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	mux.HandleFunc("POST /stolen", func(http.ResponseWriter, *http.Request) { t.Error("the code went where a redirect said") })
	mux.HandleFunc("GET /user", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer at" && r.Header.Get("Client-Id") == "c" {
			_, _ = w.Write([]byte(`{"data":[{"id":"42"}]}`))
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return NewClients(map[string]config.Platform{"twitch": {
		TokenURL: server.URL + "/token", UserURL: server.URL + "/user", RedirectURL: "https://auth.test/cb",
		IDField: "data.0.id", ClientID: "c", Secret: "s",
	}}, 200*time.Millisecond), server
}

// Afreeca's answer has no id: it is in the address of the picture that the platform keeps, and in nothing that a user may name.
func TestAnIDInsideOfAText(t *testing.T) {
	pattern := regexp.MustCompile(`^https?://profile\.img\.sooplive\.com/LOGO/[^/]{2}/[^/]+/([A-Za-z0-9]+)\.[a-z]+$`)
	for text, id := range map[string]string{
		"https://profile.img.sooplive.com/LOGO/so/somebody/somebody.jpg":              "somebody",
		"https://profile.img.sooplive.com.evil.example/LOGO/so/somebody/somebody.jpg": "",
		"https://evil.example/https://profile.img.sooplive.com/LOGO/so/some/some.jpg": "",
		"https://profile.img.sooplive.com/LOGO/so/somebody/somebody.jpg/../other.jpg": "",
		"": "",
	} {
		if got := inside(pattern, text); got != id {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func TestACodeBecomesAConnection(t *testing.T) {
	clients, _ := pretend(t, 0)
	got, err := clients.Connect(t.Context(), "twitch", "good", "v")
	if err != nil || got.PlatformUserID != "42" || got.AccessToken != "at" || got.RefreshToken != "r2" || got.ExpiresAt.IsZero() {
		t.Fatalf("%+v %v", got, err)
	}
	renewed, err := clients.Renew(t.Context(), "twitch", "r")
	if err != nil || renewed.AccessToken != "at" || renewed.RefreshToken != "r2" {
		t.Fatalf("%+v %v", renewed, err)
	}
}

func TestWhatAPlatformDoesNotGive(t *testing.T) {
	clients, server := pretend(t, 0)
	slow, _ := pretend(t, time.Second)
	expect := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, not %v", what, err, want)
		}
	}
	connect := func(c *Clients, name, code, verifier string) error {
		_, err := c.Connect(t.Context(), name, code, verifier)
		return err
	}
	expect("another code", connect(clients, "twitch", "bad", "v"), ErrRefused)
	expect("another verifier", connect(clients, "twitch", "good", "w"), ErrRefused)
	expect("a failing platform", connect(clients, "twitch", "broken", "v"), ErrUnavailable)
	expect("a redirect", connect(clients, "twitch", "away", "v"), ErrUnavailable)
	expect("an unknown one", connect(clients, "myspace", "good", "v"), ErrUnknown)
	expect("a slow one", connect(slow, "twitch", "good", "v"), context.DeadlineExceeded)
	server.Close()
	expect("one that is gone", connect(clients, "twitch", "good", "v"), ErrUnavailable)
}

func TestPick(t *testing.T) {
	for path, want := range map[string]string{"a.0.b": "x", "n": "7", "a.1.b": "", "a.0": "", "z": "", "a.-1": ""} {
		var body any
		if err := json.Unmarshal([]byte(`{"a":[{"b":"x"}],"n":7}`), &body); err != nil {
			t.Fatal(err)
		}
		if got := pick(body, path); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
}
