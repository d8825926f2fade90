package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/schema/collections"
	meshvalidation "istio.io/istio/pkg/config/validation/agent"
)

// finding is one line of the answer.
type finding struct {
	Level   string `json:"level"`
	By      string `json:"by"`
	Object  string `json:"object"`
	Message string `json:"message"`
}

// check says what Istio's webhook would say about each object, and its analysis about all of them together.
func check(found world, mesh string) error {
	out := json.NewEncoder(os.Stdout)
	for _, one := range found.istio {
		for _, said := range validate(one) {
			if err := out.Encode(said); err != nil {
				return err
			}
		}
	}
	if warning, err := meshvalidation.ValidateMeshConfig(found.mesh); warning != nil || err != nil {
		if err := out.Encode(finding{"Error", "validation", "the mesh configuration", fmt.Sprint(warning, err)}); err != nil {
			return err
		}
	}
	analysed, err := analyse(found.objects, mesh)
	if err != nil {
		return err
	}
	for _, said := range analysed {
		if err := out.Encode(said); err != nil {
			return err
		}
	}
	return out.Encode(finding{Level: "Read", Message: fmt.Sprintf("%d of Istio, %d core", len(found.istio), len(found.core))})
}

func validate(one config.Config) []finding {
	name := fmt.Sprintf("%s %s/%s", one.GroupVersionKind.Kind, one.Namespace, one.Name)
	schema, known := collections.Pilot.FindByGroupVersionAliasesKind(one.GroupVersionKind)
	if !known {
		return []finding{{"Error", "validation", name, "not a kind that istiod reads"}}
	}
	warning, err := schema.ValidateConfig(one)
	var said []finding
	if warning != nil {
		said = append(said, finding{"Warning", "validation", name, warning.Error()})
	}
	if err != nil {
		said = append(said, finding{"Error", "validation", name, err.Error()})
	}
	return said
}

func analyse(found objects, mesh string) ([]finding, error) {
	analyzer := local.NewIstiodAnalyzer(analyzers.AllCombined(), "", "istio-system", nil)
	if err := analyzer.AddFileKubeMeshConfig(mesh); err != nil {
		return nil, err
	}
	sources := make([]local.ReaderSource, len(found.all))
	for i, one := range found.all {
		sources[i] = local.ReaderSource{Name: one.file, Reader: strings.NewReader(one.text)}
	}
	if err := analyzer.AddTestReaderKubeSource(sources); err != nil {
		return nil, err
	}
	stop := make(chan struct{})
	defer close(stop)
	result, err := analyzer.Analyze(stop)
	if err != nil {
		return nil, err
	}
	var said []finding
	for _, one := range result.Messages {
		object := "the mesh"
		if one.Resource != nil {
			object = one.Resource.Origin.FriendlyName()
		}
		said = append(said, finding{one.Type.Level().String(), one.Type.Code(), object, fmt.Sprintf(one.Type.Template(), one.Parameters...)})
	}
	return said, nil
}
