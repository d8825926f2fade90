// Where the operators' CustomResourceDefinitions and charts come from. Nothing is compiled: the modules hold them as YAML.
module edge-platform/tools/crds

go 1.26.0

require (
	github.com/argoproj/argo-cd/v3 v3.5.7
	github.com/argoproj/argo-rollouts v1.9.0
	github.com/cert-manager/cert-manager v1.21.2
	github.com/chaos-mesh/chaos-mesh v0.9.1-0.20260902003049-47411975a8cb
	github.com/external-secrets/external-secrets v1.3.2
	github.com/kubernetes-sigs/aws-load-balancer-controller v0.0.0-20260423195125-93ff3b5fdaad
	github.com/kyverno/kyverno v1.19.0
	github.com/projectcalico/calico v1.11.0-cni-plugin.0.20250813170300-a0db560f0520
	github.com/prometheus-operator/prometheus-operator v0.85.0
	k8s.io/cloud-provider-aws v1.36.1
	sigs.k8s.io/external-dns v0.21.0
	sigs.k8s.io/metrics-server v0.9.0
)
