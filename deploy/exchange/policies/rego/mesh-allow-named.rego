# An allowance names its workload, its callers, and what they may call.
package main

deny contains finding("mesh-allow-named", "it allows without a selector: every workload that it reaches") if {
	allows
	count(object.get(input.spec, ["selector", "matchLabels"], {})) == 0
}

deny contains finding("mesh-allow-named", "a rule names no principal: it allows anyone") if {
	allows
	some rule in input.spec.rules
	names_nobody(rule)
}

deny contains finding("mesh-allow-named", "a rule names neither ports nor paths: it allows every port") if {
	allows
	some rule in input.spec.rules
	some one in object.get(rule, "to", [{}])
	count(object.get(one, ["operation", "ports"], [])) + count(object.get(one, ["operation", "paths"], [])) == 0
}

deny contains finding("mesh-allow-named", sprintf("the principal %s is not <trust domain>/ns/<namespace>/sa/<account>", [principal])) if {
	allows
	some rule in input.spec.rules
	some one in rule.from
	some principal in one.source.principals
	not regex.match(`^[a-z0-9.-]+/ns/[a-z0-9-]+/sa/[a-z0-9.-]+$`, principal)
}

deny contains finding("mesh-allow-named", sprintf("it allows by what a request is not (%s)", [key])) if {
	allows
	some rule in input.spec.rules
	some side in ["from", "to"]
	some one in rule[side]
	some what in one
	some key in (object.keys(what) & negative)
}

allows if {
	kind("AuthorizationPolicy")
	object.get(input, ["spec", "action"], "ALLOW") == "ALLOW"
	count(object.get(input, ["spec", "rules"], [])) > 0
}

names_nobody(rule) if count(object.get(rule, "from", [])) == 0

names_nobody(rule) if {
	some one in rule.from
	count(object.get(one, ["source", "principals"], [])) == 0
}

negative := {
	"notHosts", "notIpBlocks", "notMethods", "notNamespaces", "notPaths", "notPorts", "notPrincipals",
	"notRemoteIpBlocks", "notRequestPrincipals",
}
