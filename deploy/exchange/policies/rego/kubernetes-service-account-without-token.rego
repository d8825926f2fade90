# An account hands out no token unless a pod asks for one.
package main

deny contains finding("kubernetes-service-account-without-token", "automountServiceAccountToken is not false") if {
	kind("ServiceAccount")
	input.metadata.name != "default"
	not object.get(input, "automountServiceAccountToken", true) == false
}

deny contains finding("kubernetes-service-account-without-token", "it lists Secrets: tokens that never end") if {
	kind("ServiceAccount")
	count(object.get(input, "secrets", [])) > 0
}
