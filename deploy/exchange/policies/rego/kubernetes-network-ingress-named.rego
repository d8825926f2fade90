# A NetworkPolicy names whom it lets in.
package main

deny contains finding("kubernetes-network-ingress-named", "an ingress rule names no peer: it lets everybody in") if {
	kind("NetworkPolicy")
	some rule in object.get(input.spec, "ingress", [])
	count(object.get(rule, "from", [])) == 0
}

deny contains finding("kubernetes-network-ingress-named", sprintf("an ingress rule lets %s in", [peer.ipBlock.cidr])) if {
	kind("NetworkPolicy")
	some rule in object.get(input.spec, "ingress", [])
	some peer in object.get(rule, "from", [])
	to_number(split(peer.ipBlock.cidr, "/")[1]) < 8
}

deny contains finding("kubernetes-network-ingress-named", "an ingress rule lets every pod of every namespace in") if {
	kind("NetworkPolicy")
	some rule in object.get(input.spec, "ingress", [])
	some peer in object.get(rule, "from", [])
	not peer.ipBlock
	peer.namespaceSelector == {}
	object.get(peer, "podSelector", {}) == {}
}
