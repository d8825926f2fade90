package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/config"
)

// change is what the parent reads after it asked for a reload: when the control plane got it, and what it was.
type change struct {
	At      int64    `json:"at"`
	Changed []string `json:"changed"`
	Error   string   `json:"error,omitempty"`
}

// reload reads Istio's objects again and hands what changed to the store, which pushes it to the proxies.
// What cannot be read changes nothing, as an API server would refuse it.
func reload(store model.ConfigStoreController, known []config.Config, read func() (objects, error)) []config.Config {
	found, err := read()
	said := change{Changed: []string{}}
	var changed, gone []config.Config
	if err == nil {
		changed, gone = compare(known, found.istio)
		said.Changed = append(names(changed), names(gone)...)
		known = found.istio
	}
	said.At = time.Now().UnixNano()
	if err == nil {
		err = hand(store, changed, gone)
	}
	if err != nil {
		said.Error = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		fmt.Fprintln(os.Stderr, "mesh:", err)
	}
	return known
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
