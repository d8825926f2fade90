package server

import (
	"context"
	"sync"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// LivenessService is always SERVING while the process answers: restarting it would
// not bring Redis back. Every other name follows readiness.
const LivenessService = "liveness"

type readiness struct {
	Options
	health *health.Server

	mu      sync.Mutex
	ready   bool
	known   bool
	stopped bool
}

func newReadiness(o Options) *readiness {
	r := &readiness{Options: o, health: health.NewServer()}
	r.health.SetServingStatus(LivenessService, healthv1.HealthCheckResponse_SERVING)
	r.publish(false)
	return r
}

func (r *readiness) now() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ready
}

func (r *readiness) follow(ctx context.Context) {
	ticker := time.NewTicker(r.ReadinessInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.check(ctx)
		}
	}
}

func (r *readiness) check(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.ProbeTimeout)
	defer cancel()
	r.set(r.Probe(ctx))
}

func (r *readiness) set(reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ready := reason == nil
	if r.stopped || r.known && r.ready == ready {
		return
	}
	r.ready, r.known = ready, true
	r.publish(ready)
	r.OnReady(ready)
	if ready {
		r.Log.Info("ready")
	} else {
		r.Log.Warn("not ready", "reason", reason.Error())
	}
}

// stop is for good: a probe that answers late changes nothing any more.
func (r *readiness) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ready, r.stopped = false, true
	r.publish(false)
	r.OnReady(false)
}

func (r *readiness) publish(ready bool) {
	state := healthv1.HealthCheckResponse_NOT_SERVING
	if ready {
		state = healthv1.HealthCheckResponse_SERVING
	}
	r.health.SetServingStatus("", state)
	r.health.SetServingStatus(authv3.Authorization_ServiceDesc.ServiceName, state)
}
