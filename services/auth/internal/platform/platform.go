// Package platform speaks OAuth with the streaming platforms (§4.1): authorization code with PKCE, and renewal.
package platform

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"edge-platform/services/auth/internal/config"
)

var (
	// ErrUnknown is a platform that is not configured.
	ErrUnknown = errors.New("unknown platform")
	// ErrRefused is a code, a verifier or a token that the platform does not take.
	ErrRefused = errors.New("refused by the platform")
	// ErrUnavailable is a platform that cannot be reached or fails.
	ErrUnavailable = errors.New("the platform is not available")
)

const mostBytes = 64 << 10

// Connection is what a platform gave for a code.
type Connection struct {
	PlatformUserID            string
	AccessToken, RefreshToken string
	ExpiresAt                 time.Time
}

// Clients are the OAuth clients by platform.
type Clients struct {
	platforms map[string]config.Platform
	http      *http.Client
}

// NewClients bounds every request to a platform by the timeout.
func NewClients(platforms map[string]config.Platform, timeout time.Duration) *Clients {
	return &Clients{platforms, &http.Client{
		Timeout: timeout,
		// A redirect would carry the code or the token to whoever it names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Connect trades the code for tokens, and asks whose they are.
func (c *Clients) Connect(ctx context.Context, name, code, verifier string) (Connection, error) {
	one, ok := c.platforms[name]
	if !ok {
		return Connection{}, ErrUnknown
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, c.http)
	token, err := oauthConfig(one).Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return Connection{}, kind(err)
	}
	id, err := c.userID(ctx, one, token)
	return Connection{id, token.AccessToken, token.RefreshToken, token.Expiry}, err
}

// Renew trades a refresh token for new tokens; a platform that gives no new refresh token leaves the old one good.
func (c *Clients) Renew(ctx context.Context, name, refresh string) (Connection, error) {
	one, ok := c.platforms[name]
	if !ok {
		return Connection{}, ErrUnknown
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, c.http)
	token, err := oauthConfig(one).TokenSource(ctx, &oauth2.Token{RefreshToken: refresh}).Token()
	if err != nil {
		return Connection{}, kind(err)
	}
	return Connection{"", token.AccessToken, token.RefreshToken, token.Expiry}, nil
}

func oauthConfig(one config.Platform) *oauth2.Config {
	return &oauth2.Config{
		ClientID: one.ClientID, ClientSecret: one.Secret, RedirectURL: one.RedirectURL,
		Endpoint: oauth2.Endpoint{TokenURL: one.TokenURL, AuthStyle: oauth2.AuthStyleInParams},
	}
}

// kind keeps a deadline a deadline, and everything else that the platform said to itself.
func kind(err error) error {
	var answered *oauth2.RetrieveError
	var timed interface{ Timeout() bool }
	switch {
	case errors.As(err, &answered) && answered.Response != nil && answered.Response.StatusCode/100 == 4:
		return ErrRefused
	case errors.As(err, &timed) && timed.Timeout():
		return context.DeadlineExceeded
	default:
		return ErrUnavailable
	}
}

func (c *Clients) userID(ctx context.Context, one config.Platform, token *oauth2.Token) (string, error) {
	request, err := userRequest(ctx, one, token)
	if err != nil {
		return "", ErrUnavailable
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return "", kind(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", ErrUnavailable
	}
	var body any
	if err := json.NewDecoder(io.LimitReader(answer.Body, mostBytes)).Decode(&body); err != nil {
		return "", ErrUnavailable
	}
	id := pick(body, one.IDField)
	if one.ID != nil {
		id = inside(one.ID, id)
	}
	if id == "" {
		return "", ErrUnavailable
	}
	return id, nil
}

// inside is the pattern's group; empty when the text is another.
func inside(pattern *regexp.Regexp, text string) string {
	if found := pattern.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}

func userRequest(ctx context.Context, one config.Platform, token *oauth2.Token) (*http.Request, error) {
	if one.Posts {
		form := url.Values{"access_token": {token.AccessToken}}.Encode()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, one.UserURL, strings.NewReader(form))
		if err == nil {
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return request, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, one.UserURL, nil)
	if err == nil {
		request.Header.Set("Authorization", "Bearer "+token.AccessToken)
		request.Header.Set("Client-Id", one.ClientID) // Twitch asks for it
	}
	return request, err
}

// pick follows a path such as data.0.id; empty when it leads to no text or number.
func pick(body any, path string) string {
	for _, step := range strings.Split(path, ".") {
		switch at := body.(type) {
		case map[string]any:
			body = at[step]
		case []any:
			index, err := strconv.Atoi(step)
			if err != nil || index < 0 || index >= len(at) {
				return ""
			}
			body = at[index]
		default:
			return ""
		}
	}
	switch id := body.(type) {
	case string:
		return id
	case float64:
		return strconv.FormatInt(int64(id), 10)
	default:
		return ""
	}
}
