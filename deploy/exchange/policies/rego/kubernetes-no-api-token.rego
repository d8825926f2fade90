# Pods hold no token of the Kubernetes API.
package main

deny contains finding("kubernetes-no-api-token", "automountServiceAccountToken is not false") if {
	not object.get(pod, "automountServiceAccountToken", true) == false
}
