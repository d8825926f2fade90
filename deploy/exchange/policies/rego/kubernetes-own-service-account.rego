# A pod runs as an account of its own.
package main

deny contains finding("kubernetes-own-service-account", "it runs as the account default, which every pod of the namespace may be") if {
	object.get(pod, "serviceAccountName", "") in {"", "default"}
}
