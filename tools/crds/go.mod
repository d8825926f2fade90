// Where the operators' CustomResourceDefinitions come from. Nothing is compiled: the modules hold them as YAML.
module edge-platform/tools/crds

go 1.26.0

require (
	github.com/argoproj/argo-cd/v3 v3.5.7
	github.com/external-secrets/external-secrets v1.3.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
