# Containers take no port of their host.
package main

deny contains finding("kubernetes-no-host-port", named(one, sprintf("it takes port %v of the host", [port.hostPort]))) if {
	some one in containers
	some port in object.get(one, "ports", [])
	object.get(port, "hostPort", 0) != 0
}
