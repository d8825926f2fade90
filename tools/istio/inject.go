package main

import (
	"fmt"
	"os"

	"istio.io/istio/pkg/kube/inject"
)

// injecting gives each workload on stdin the sidecar that istiod's webhook would, by the template and the values of its chart.
func injecting(mesh, template, values string) error {
	settings, err := readMesh(mesh)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(template)
	if err != nil {
		return err
	}
	config, err := inject.UnmarshalConfig(text)
	if err != nil {
		return err
	}
	if config.Templates, err = inject.ParseTemplates(config.RawTemplates); err != nil {
		return err
	}
	if text, err = os.ReadFile(values); err != nil {
		return err
	}
	chart, err := inject.NewValuesConfig(string(text))
	if err != nil {
		return err
	}
	warn := func(said string) { fmt.Fprintln(os.Stderr, said) }
	return inject.IntoResourceFile(nil, config.Templates, chart, "default", settings, os.Stdin, os.Stdout, warn)
}
