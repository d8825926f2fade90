package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"google.golang.org/protobuf/proto"
	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
)

// change is what the parent reads after it asked for a reload: when the control plane got it, and what it was.
type change struct {
	At      int64    `json:"at"`
	Changed []string `json:"changed"`
	Error   string   `json:"error,omitempty"`
}

// reload reads everything again and hands what changed to the control plane, which pushes it to the proxies.
// What cannot be read changes nothing, as an API server would refuse it.
func reload(server *xds.FakeDiscoveryServer, known world, read func() (world, error)) world {
	found, err := read()
	said := change{Changed: []string{}}
	var changed, gone []config.Config
	configured := false
	if err == nil {
		changed, gone = compare(known.istio, found.istio)
		said.Changed = append(names(changed), names(gone)...)
		if configured = !proto.Equal(known.mesh, found.mesh); configured {
			said.Changed = append(said.Changed, "the mesh configuration")
		}
		known = found
	}
	said.At = time.Now().UnixNano()
	if err == nil {
		err = hand(server.Store(), changed, gone)
	}
	if err == nil && configured {
		err = configure(server, found.mesh)
	}
	if err != nil {
		said.Error = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		fmt.Fprintln(os.Stderr, "mesh:", err)
	}
	return known
}

// configure does what istiod does when its mesh configuration changes: all proxies get everything anew.
func configure(server *xds.FakeDiscoveryServer, settings *meshconfig.MeshConfig) error {
	watcher, ok := server.Env().Watcher.(meshwatcher.TestWatcher)
	if !ok {
		return fmt.Errorf("a %T takes no other mesh configuration", server.Env().Watcher)
	}
	watcher.Set(settings)
	server.Discovery.ConfigUpdate(&model.PushRequest{Reason: model.NewReasonStats(model.GlobalUpdate), Forced: true})
	return nil
}

// compare says what is new or other than before, and what is there no more.
func compare(before, now []config.Config) (changed, gone []config.Config) {
	old := make(map[string]config.Config, len(before))
	for _, one := range before {
		old[one.Key()] = one
	}
	for _, one := range now {
		if known, ok := old[one.Key()]; !ok || !known.Equals(&one) {
			changed = append(changed, one)
		}
		delete(old, one.Key())
	}
	for _, one := range before {
		if _, left := old[one.Key()]; left {
			gone = append(gone, one)
		}
	}
	return changed, gone
}

func hand(store model.ConfigStoreController, changed, gone []config.Config) error {
	for _, one := range changed {
		put := store.Create
		if store.Get(one.GroupVersionKind, one.Name, one.Namespace) != nil {
			put = store.Update
		}
		if _, err := put(one); err != nil {
			return fmt.Errorf("%s: %w", one.Key(), err)
		}
	}
	for _, one := range gone {
		if err := store.Delete(one.GroupVersionKind, one.Name, one.Namespace, nil); err != nil {
			return fmt.Errorf("%s: %w", one.Key(), err)
		}
	}
	return nil
}

func names(configs []config.Config) []string {
	found := make([]string, len(configs))
	for i, one := range configs {
		found[i] = one.GroupVersionKind.Kind + " " + one.Namespace + "/" + one.Name
	}
	return found
}
