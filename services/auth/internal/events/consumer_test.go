package events

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"edge-platform/services/auth/internal/pb"
)

func TestARecordIsHandedOnWithWhatIsKnownOfIt(t *testing.T) {
	c := &Consumer{Topic: "t", Group: "g", Attempts: 3, Delay: time.Second}
	given := &kgo.Record{Topic: "t", Key: []byte("k"), Value: []byte("v"), Headers: []kgo.RecordHeader{{Key: "event-id", Value: []byte("1")}}}
	next := c.handedOn(given, "t"+Retry, 1, errors.New("no"))
	again := c.handedOn(next, "t"+Retry, 2, errors.New("still no"))
	if header(again, "event-id") != "1" || header(again, groupHeader) != "g" || attemptsOf(again) != 2 || len(again.Headers) != 5 {
		t.Fatalf("%+v", again.Headers)
	}
	if wait := time.Until(waitsUntil(again)); wait < time.Second || wait > 2*time.Second {
		t.Fatalf("the second wait is %v", wait)
	}
}

func TestHeadersOfTheTopicItselfAreNotBelieved(t *testing.T) {
	forged := &kgo.Record{Topic: "t", Headers: []kgo.RecordHeader{
		{Key: attemptsHeader, Value: []byte("99")}, {Key: notBefore, Value: []byte("99999999999999")},
	}}
	if attemptsOf(forged) != 0 || !waitsUntil(forged).IsZero() {
		t.Fatal("who sends an event says when it is looked at")
	}
}

func TestARetryOfAnotherGroupIsPassedOver(t *testing.T) {
	handled := 0
	c := &Consumer{
		Topic: "t", Group: "g", Log: slog.New(slog.DiscardHandler), Count: func(string) {},
		Handle: func(context.Context, *kgo.Record) error { handled++; return nil },
	}
	for _, group := range []string{"g", "another", ""} {
		record := &kgo.Record{Topic: "t" + Retry, Headers: []kgo.RecordHeader{{Key: groupHeader, Value: []byte(group)}}}
		if err := c.one(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	if handled != 1 {
		t.Fatalf("%d were taken up", handled)
	}
}

// Tokens name their user in one form; whoever sends an event may write the UUID in another.
func TestWhoIsDeactivatedIsNamedAsTokensNameThem(t *testing.T) {
	const subject = "0b7e3c1a-9f64-4d7e-8a51-2f6c3d9e8b10"
	for _, form := range []string{
		subject, strings.ToUpper(subject), "{" + subject + "}", "urn:uuid:" + subject, strings.ReplaceAll(subject, "-", ""),
	} {
		var named []string
		handle := Deactivation(
			func(_ context.Context, user string) error { named = append(named, user); return nil },
			func(_ context.Context, user string, _ time.Time) error { named = append(named, user); return nil },
		)
		body, err := proto.Marshal(&pb.UserDeactivated{UserId: form})
		if err != nil {
			t.Fatal(err)
		}
		if err := handle(t.Context(), &kgo.Record{Value: body}); err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		if strings.Join(named, " ") != subject+" "+subject {
			t.Errorf("%s is %v", form, named)
		}
	}
}

func TestBackoffGrowsToItsEnd(t *testing.T) {
	var waits []string
	for tries := range 8 {
		waits = append(waits, backoff(tries).String())
	}
	if got := strings.Join(waits, " "); got != "100ms 100ms 200ms 400ms 800ms 1.6s 2s 2s" {
		t.Fatal(got)
	}
}
