# A NetworkPolicy opens something for one workload.
package main

deny contains finding("kubernetes-network-workload-named", "it opens something for every pod of its namespace: its podSelector is empty") if {
	kind("NetworkPolicy")
	count(array.concat(object.get(input.spec, "ingress", []), object.get(input.spec, "egress", []))) > 0
	count(object.get(input.spec, ["podSelector", "matchLabels"], {})) == 0
	count(object.get(input.spec, ["podSelector", "matchExpressions"], [])) == 0
}
