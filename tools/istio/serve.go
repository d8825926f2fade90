package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/test"
)

// addresses is what the parent reads: one line, once everything answers.
type addresses struct {
	XDS   string `json:"xds"`
	SDS   string `json:"sds"`
	Debug string `json:"debug"`
}

// serve is istiod's discovery over what `read` finds, until the context ends; SIGHUP makes it read again.
func serve(ctx context.Context, read func() (world, error), proxy identity) error {
	found, err := read()
	if err != nil {
		return err
	}
	listeners, err := listen(3)
	if err != nil {
		return err
	}
	secrets, err := proxy.server()
	if err != nil {
		return err
	}
	ended, again := make(chan error, 2), make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	return test.Wrap(func(t test.Failer) {
		server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
			Configs:                found.istio,
			KubernetesObjectString: texts(found.core),
			MeshConfig:             found.mesh,
			DebounceTime:           features.DebounceAfter,
			ListenerBuilder:        func() (net.Listener, error) { return listeners[0], nil },
		})
		go func() { ended <- secrets.Serve(listeners[1]) }()
		pages := &http.Server{Handler: server.DiscoveryDebug, ReadHeaderTimeout: time.Second}
		go func() { ended <- pages.Serve(listeners[2]) }()
		t.Cleanup(func() { secrets.Stop(); _ = pages.Close() })
		if err := announce(listeners); err != nil {
			t.Fatal(err)
		}
		for known := found; ; {
			select {
			case <-again:
				known = reload(server, known, read)
			case <-ctx.Done():
				return
			case err := <-ended:
				if err != nil && !errors.Is(err, grpc.ErrServerStopped) {
					t.Fatal(err)
				}
				return
			}
		}
	})
}

func listen(count int) ([]net.Listener, error) {
	found := make([]net.Listener, count)
	for i := range found {
		one, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		found[i] = one
	}
	return found, nil
}

func announce(listeners []net.Listener) error {
	address := func(i int) string { return listeners[i].Addr().String() }
	return json.NewEncoder(os.Stdout).Encode(addresses{XDS: address(0), SDS: address(1), Debug: address(2)})
}
