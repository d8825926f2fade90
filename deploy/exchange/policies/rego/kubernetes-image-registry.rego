# Images come from the account's registry or from AWS's mirror.
package main

deny contains finding("kubernetes-image-registry", named(one, sprintf("the image %s comes from neither the account's registry nor public.ecr.aws", [one.image]))) if {
	some one in every_container
	not regex.match(`^([0-9]{12}[.]dkr[.]ecr[.][a-z0-9-]+[.]amazonaws[.]com|public[.]ecr[.]aws)(:443)?/.`, one.image)
	not regex.match(`^docker[.]io/envoyproxy/ratelimit(:|$)`, one.image)
}
