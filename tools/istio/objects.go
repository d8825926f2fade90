package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	yamlv3 "gopkg.in/yaml.v3"
	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/util/protomarshal"
	"sigs.k8s.io/yaml"
)

// coreKinds are the kinds of Kubernetes' own that a control plane looks at; others may be in the folders too.
var coreKinds = map[string]bool{
	"v1/Namespace": true, "v1/Service": true, "v1/Pod": true, "v1/Node": true, "v1/ServiceAccount": true,
	"discovery.k8s.io/v1/EndpointSlice": true,
}

type document struct {
	file string
	text string
}

// objects are the manifests of all folders: Istio's decoded, the core ones as text.
type objects struct {
	istio []config.Config
	core  []document
	all   []document
}

// world is all that a control plane goes by.
type world struct {
	objects
	mesh *meshconfig.MeshConfig
}

func readWorld(folders []string, mesh string) (world, error) {
	settings, err := readMesh(mesh)
	if err != nil {
		return world{}, err
	}
	found, err := readObjects(folders)
	return world{found, settings}, err
}

func readObjects(folders []string) (objects, error) {
	var found objects
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
				return err
			}
			return found.readFile(path)
		})
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

func (o *objects) readFile(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	decoder := yamlv3.NewDecoder(bytes.NewReader(content))
	for {
		var value map[string]any
		switch err := decoder.Decode(&value); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		case len(value) == 0:
			continue
		}
		if err := o.add(path, value); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
}

func (o *objects) add(path string, value map[string]any) error {
	text, err := yaml.Marshal(value)
	if err != nil {
		return err
	}
	version, _ := value["apiVersion"].(string)
	kind, _ := value["kind"].(string)
	one := document{file: path, text: string(text)}
	group, _, _ := strings.Cut(version, "/")
	if isIstio := strings.HasSuffix(group, ".istio.io"); !isIstio {
		if coreKinds[version+"/"+kind] {
			o.core, o.all = append(o.core, one), append(o.all, one)
		}
		return nil
	}
	configs, unknown, err := crd.ParseInputs(one.text)
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		return fmt.Errorf("there is no kind %s of %s", kind, version)
	}
	o.istio, o.all = append(o.istio, configs...), append(o.all, one)
	return nil
}

// texts are documents as one YAML stream.
func texts(documents []document) string {
	found := make([]string, len(documents))
	for i, one := range documents {
		found[i] = one.text
	}
	return strings.Join(found, "\n---\n")
}

// readMesh is strict, unlike istiod, which drops a field that it does not know without a word.
func readMesh(path string) (*meshconfig.MeshConfig, error) {
	if path == "" {
		return mesh.DefaultMeshConfig(), nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := protomarshal.ApplyYAMLStrict(string(content), &meshconfig.MeshConfig{}); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return mesh.ApplyMeshConfigDefaults(string(content))
}
