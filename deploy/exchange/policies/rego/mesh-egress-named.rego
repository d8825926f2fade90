# What may be called outside the mesh is a host by name, over TLS, for one namespace.
package main

deny contains finding("mesh-egress-named", sprintf("its host %s has a wildcard", [host])) if {
	kind("ServiceEntry")
	some host in input.spec.hosts
	contains(host, "*")
}

deny contains finding("mesh-egress-named", sprintf("port %v is not TLS", [port.number])) if {
	kind("ServiceEntry")
	some port in object.get(input.spec, "ports", [])
	not object.get(port, "protocol", "") in {"TLS", "HTTPS"}
}

deny contains finding("mesh-egress-named", "exportTo is not ['.']: other namespaces may call it too") if {
	kind("ServiceEntry")
	object.get(input.spec, "exportTo", []) != ["."]
}

deny contains finding("mesh-egress-named", "location is not MESH_EXTERNAL: proxies would expect a member of the mesh there") if {
	kind("ServiceEntry")
	object.get(input.spec, "location", "") != "MESH_EXTERNAL"
}

deny contains finding("mesh-egress-named", "resolution: the caller chooses the address behind the name") if {
	kind("ServiceEntry")
	not object.get(input.spec, "resolution", "") in {"DNS", "DNS_ROUND_ROBIN", "STATIC"}
}

deny contains finding("mesh-egress-named", "it takes addresses over") if {
	kind("ServiceEntry")
	count(object.get(input.spec, "addresses", [])) > 0
}
