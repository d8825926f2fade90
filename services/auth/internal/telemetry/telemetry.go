// Package telemetry is what the service reports of itself: traces by OpenTelemetry (§8) and Prometheus' metrics.
package telemetry

import (
	"context"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

// Tracing sets the process' tracer and W3C's propagation; the returned function flushes and ends it. OpenTelemetry's own variables
// say where spans go (OTEL_EXPORTER_OTLP_ENDPOINT; nowhere without it) and how many (OTEL_TRACES_SAMPLER).
func Tracing(ctx context.Context) (func(context.Context) error, error) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	named, err := resource.New(ctx, resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, err
	}
	options := []trace.TracerProviderOption{trace.WithResource(named)}
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" {
		exporter, err := otlptracegrpc.New(ctx)
		if err != nil {
			return nil, err
		}
		options = append(options, trace.WithBatcher(exporter))
	}
	provider := trace.NewTracerProvider(options...)
	otel.SetTracerProvider(provider)
	return provider.Shutdown, nil
}

// Traceparent is the running span as a Kafka header and an outbox row carry it; empty outside of one.
func Traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// Metrics are the service's own; gRPC's are the proxy's.
type Metrics struct {
	Registry *prometheus.Registry
	Calls    *prometheus.CounterVec
	Consumed *prometheus.CounterVec
	Waiting  prometheus.Gauge
}

// NewMetrics registers them.
func NewMetrics() Metrics {
	m := Metrics{
		Registry: prometheus.NewRegistry(),
		Calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "auth_calls_total", Help: "Calls by method and gRPC code.",
		}, []string{"method", "code"}),
		Consumed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "auth_consumed_records_total", Help: "Records of other services by outcome: handled, retried, dead.",
		}, []string{"outcome"}),
		Waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "auth_outbox_waiting", Help: "Events that Kafka does not have yet.",
		}),
	}
	m.Registry.MustRegister(m.Calls, m.Consumed, m.Waiting, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}
