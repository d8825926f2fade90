# Containers give up all capabilities of the kernel.
package main

deny contains finding("kubernetes-capabilities-dropped", named(one, "capabilities.drop does not have ALL")) if {
	some one in containers
	not "ALL" in own(one, ["capabilities", "drop"], [])
}

deny contains finding("kubernetes-capabilities-dropped", named(one, sprintf("capabilities.add has %s", [added]))) if {
	some one in containers
	some added in own(one, ["capabilities", "add"], [])
	added != "NET_BIND_SERVICE"
}
