// Package metrics names what the service counts.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics is the service's own registry and what is in it.
type Metrics struct {
	Registry *prometheus.Registry

	decisions   *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	redisErrors *prometheus.CounterVec
	reloads     *prometheus.CounterVec
	keys        prometheus.Gauge
	ready       prometheus.Gauge
}

// New registers everything.
func New() *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ext_authz_decisions_total", Help: "Checks answered, by result (allowed, denied, error) and reason.",
		}, []string{"result", "reason"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ext_authz_check_duration_seconds", Help: "Time to answer a check, by result.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .15, .2, .25, .5},
		}, []string{"result"}),
		redisErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ext_authz_redis_errors_total", Help: "Failed questions to the blacklist, by kind.",
		}, []string{"kind"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ext_authz_key_reloads_total", Help: "Reloads of the key file that changed the keys or failed, by result.",
		}, []string{"result"}),
		keys: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ext_authz_keys", Help: "Keys a token may be signed with; above one while a rotation lasts.",
		}),
		ready: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ext_authz_ready", Help: "1 when the blacklist answers and there are keys.",
		}),
	}
	m.Registry.MustRegister(m.decisions, m.duration, m.redisErrors, m.reloads, m.keys, m.ready,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.KeysReloaded("ok", 0)
	m.KeysReloaded("failed", 0)
	return m
}

// Expect makes a decision's series exist before it happens: rate() sees no first
// increase of a series that was not there.
func (m *Metrics) Expect(result, reason string) {
	m.decisions.WithLabelValues(result, reason)
	m.duration.WithLabelValues(result)
}

// ExpectRedisError does the same for errors.
func (m *Metrics) ExpectRedisError(kind string) { m.redisErrors.WithLabelValues(kind) }

// Decided counts one answer.
func (m *Metrics) Decided(result, reason string, took time.Duration) {
	m.decisions.WithLabelValues(result, reason).Inc()
	m.duration.WithLabelValues(result).Observe(took.Seconds())
}

// RedisFailed counts one question without an answer.
func (m *Metrics) RedisFailed(kind string) { m.redisErrors.WithLabelValues(kind).Inc() }

// KeysReloaded counts reloads with a result.
func (m *Metrics) KeysReloaded(result string, times int) {
	m.reloads.WithLabelValues(result).Add(float64(times))
}

// SetKeys says how many keys are in use.
func (m *Metrics) SetKeys(count int) { m.keys.Set(float64(count)) }

// SetReady says whether traffic is wanted.
func (m *Metrics) SetReady(ready bool) {
	value := 0.0
	if ready {
		value = 1
	}
	m.ready.Set(value)
}
