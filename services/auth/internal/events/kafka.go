// Package events carries the outbox to Kafka, and takes in what other services tell (§3).
package events

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"edge-platform/services/auth/internal/config"
	"edge-platform/services/auth/internal/store"
)

const (
	// ContentType of every record's value.
	ContentType = "application/x-protobuf"
	// produceFor is how long a batch is retried before the relay lets go of it, to begin again later.
	produceFor = 10 * time.Second
)

// NewClient connects over verified TLS with SCRAM-SHA-512; nothing is dialled yet. The producer is idempotent and waits for all
// in-sync replicas: franz-go's defaults, said here because the rest relies on them.
func NewClient(c config.Kafka, more ...kgo.Opt) (*kgo.Client, error) {
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("KAFKA_CA_FILE: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("KAFKA_CA_FILE: holds no certificate")
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID("auth-service"),
		kgo.DialTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}),
		kgo.SASL(scram.Auth{User: c.Username, Pass: c.Password}.AsSha512Mechanism()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordDeliveryTimeout(produceFor),
		kgo.RetryTimeout(produceFor),
		kgo.RetryBackoffFn(backoff),
	}
	return kgo.NewClient(append(options, more...)...)
}

// backoff doubles from 100 ms to 2 s.
func backoff(tries int) time.Duration {
	return min(100*time.Millisecond<<min(max(tries-1, 0), 5), 2*time.Second)
}

// Sender puts events on their topics and returns when all of them are acknowledged, or one is not.
func Sender(client *kgo.Client) func(context.Context, []store.Event) error {
	return func(ctx context.Context, events []store.Event) error {
		records := make([]*kgo.Record, len(events))
		for i, e := range events {
			records[i] = &kgo.Record{Topic: e.Topic, Key: []byte(e.Key), Value: e.Body, Headers: headers(e)}
		}
		return client.ProduceSync(ctx, records...).FirstErr()
	}
}

func headers(e store.Event) []kgo.RecordHeader {
	found := []kgo.RecordHeader{
		{Key: "event-id", Value: []byte(e.ID)},
		{Key: "content-type", Value: []byte(ContentType)},
	}
	if e.Traceparent != "" {
		found = append(found, kgo.RecordHeader{Key: "traceparent", Value: []byte(e.Traceparent)})
	}
	return found
}
