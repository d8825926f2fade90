# No Service is reached from outside the cluster: the gateway's chart alone makes one.
package main

deny contains finding("kubernetes-service-internal", sprintf("its type is %s, not ClusterIP", [input.spec.type])) if {
	kind("Service")
	object.get(input.spec, "type", "ClusterIP") != "ClusterIP"
}

deny contains finding("kubernetes-service-internal", "it takes externalIPs: traffic to any address may be drawn to it (CVE-2020-8554)") if {
	kind("Service")
	count(object.get(input.spec, "externalIPs", [])) > 0
}
