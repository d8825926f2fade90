package events

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// Retry and DeadLetter end the names of a topic's two companions.
	Retry      = ".retry"
	DeadLetter = ".dlq"

	attemptsHeader = "attempts"
	notBefore      = "not-before"
	errorHeader    = "error"
	groupHeader    = "group"
)

// Handler takes in one record. An error has it tried again later; a lasting one ends among the dead letters.
type Handler func(context.Context, *kgo.Record) error

// Consumer reads what its client is subscribed to: Topic, or its retry topic, in one group. What fails goes to the retry topic with a
// time before which nobody looks at it again, and after Attempts to the dead letters: a topic never stands still behind one record.
type Consumer struct {
	Client *kgo.Client
	Topic  string
	// Group is the consumer's own: a topic's consumers share its retry topic, and each takes up what it put there itself.
	Group    string
	Handle   Handler
	Attempts int
	// Delay before the second attempt; it doubles.
	Delay time.Duration
	Log   *slog.Logger
	// Count is told what became of each record: handled, retried or dead.
	Count func(outcome string)
}

// Options are a consumer's own settings of its client.
func Options(group, topic string) []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}
}

// Run consumes until the context ends. An offset is committed only after its record was handled or handed on.
func (c *Consumer) Run(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := c.Client.PollRecords(ctx, 100)
		fetches.EachError(func(topic string, _ int32, err error) {
			if ctx.Err() == nil {
				c.Log.Warn("reading", "topic", topic, "error", err.Error())
			}
		})
		done, err := c.take(ctx, fetches.Records())
		if len(done) > 0 {
			if failed := c.Client.CommitRecords(context.WithoutCancel(ctx), done...); failed != nil {
				c.Log.Warn("committing", "error", failed.Error())
			}
		}
		c.Client.AllowRebalance()
		if err != nil && ctx.Err() == nil {
			c.Log.Error("a record can be handed nowhere; it is read again", "error", err.Error())
			c.rewind(fetches.Records(), done)
			pause(ctx, c.Delay)
		}
	}
}

func (c *Consumer) take(ctx context.Context, records []*kgo.Record) ([]*kgo.Record, error) {
	var done []*kgo.Record
	for _, record := range records {
		if until := waitsUntil(record); !pause(ctx, time.Until(until)) {
			return done, ctx.Err()
		}
		if err := c.one(ctx, record); err != nil {
			return done, err
		}
		done = append(done, record)
	}
	return done, nil
}

func (c *Consumer) one(ctx context.Context, record *kgo.Record) error {
	if strings.HasSuffix(record.Topic, Retry) && header(record, groupHeader) != c.Group {
		return nil
	}
	failed := c.Handle(ctx, record)
	if failed == nil {
		c.Count("handled")
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	attempts := attemptsOf(record) + 1
	next, outcome := c.Topic+Retry, "retried"
	if attempts >= c.Attempts {
		next, outcome = c.Topic+DeadLetter, "dead"
	}
	if err := c.Client.ProduceSync(ctx, c.handedOn(record, next, attempts, failed)).FirstErr(); err != nil {
		return fmt.Errorf("%s: %w", next, err)
	}
	c.Count(outcome)
	c.Log.Warn("a record failed", "topic", record.Topic, "attempts", attempts, "to", next, "error", failed.Error())
	return nil
}

func (c *Consumer) handedOn(record *kgo.Record, topic string, attempts int, failed error) *kgo.Record {
	var kept []kgo.RecordHeader
	for _, header := range record.Headers {
		if header.Key != attemptsHeader && header.Key != notBefore && header.Key != errorHeader && header.Key != groupHeader {
			kept = append(kept, header)
		}
	}
	later := time.Now().Add(c.Delay << min(attempts-1, 10))
	return &kgo.Record{Topic: topic, Key: record.Key, Value: record.Value, Headers: append(kept,
		kgo.RecordHeader{Key: attemptsHeader, Value: []byte(strconv.Itoa(attempts))},
		kgo.RecordHeader{Key: groupHeader, Value: []byte(c.Group)},
		kgo.RecordHeader{Key: notBefore, Value: []byte(strconv.FormatInt(later.UnixMilli(), 10))},
		kgo.RecordHeader{Key: errorHeader, Value: []byte(failed.Error())})}
}

// rewind has the client read again from the first record of each partition that is not done.
func (c *Consumer) rewind(records, done []*kgo.Record) {
	finished := map[*kgo.Record]bool{}
	for _, record := range done {
		finished[record] = true
	}
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for _, record := range records {
		if finished[record] {
			continue
		}
		if offsets[record.Topic] == nil {
			offsets[record.Topic] = map[int32]kgo.EpochOffset{}
		}
		if _, seen := offsets[record.Topic][record.Partition]; !seen {
			offsets[record.Topic][record.Partition] = kgo.EpochOffset{Epoch: record.LeaderEpoch, Offset: record.Offset}
		}
	}
	c.Client.SetOffsets(offsets)
}

func header(record *kgo.Record, key string) string {
	for _, one := range record.Headers {
		if one.Key == key {
			return string(one.Value)
		}
	}
	return ""
}

func attemptsOf(record *kgo.Record) int {
	count, err := strconv.Atoi(header(record, attemptsHeader))
	if err != nil || count < 0 || !strings.HasSuffix(record.Topic, Retry) {
		return 0
	}
	return count
}

// waitsUntil believes the header on the retry topic alone, which only this group writes.
func waitsUntil(record *kgo.Record) time.Time {
	at, err := strconv.ParseInt(header(record, notBefore), 10, 64)
	if err != nil || !strings.HasSuffix(record.Topic, Retry) {
		return time.Time{}
	}
	return time.UnixMilli(at)
}

// pause returns false when the context ends before.
func pause(ctx context.Context, rest time.Duration) bool {
	if rest <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(rest):
		return true
	}
}
