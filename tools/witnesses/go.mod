// Source that is read for what it says: of providers, and a list of controls. Nothing is compiled.
module edge-platform/tools/witnesses

go 1.26.0

require (
	github.com/aquasecurity/trivy-checks v1.10.0
	github.com/hashicorp/terraform-provider-aws v1.60.1-0.20260602190131-5f2286d6d836
	github.com/pulumi/pulumi-kubernetes/provider/v4 v4.0.0-20260115033456-f47bc2d6f199
)
