# A NetworkPolicy names the ports that it opens.
package main

deny contains finding("kubernetes-network-ports-named", "a rule opens every port") if {
	some rule in directed
	count(object.get(rule, "ports", [])) == 0
}

deny contains finding("kubernetes-network-ports-named", "a rule opens a range of ports") if {
	some rule in directed
	some port in object.get(rule, "ports", [])
	is_range(port)
}

directed := array.concat(object.get(input.spec, "ingress", []), object.get(input.spec, "egress", [])) if {
	kind("NetworkPolicy")
}

is_range(port) if not port.port

is_range(port) if port.endPort
