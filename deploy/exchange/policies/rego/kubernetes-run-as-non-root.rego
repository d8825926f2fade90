# Containers are refused when they would run as root.
package main

deny contains finding("kubernetes-run-as-non-root", named(one, "runAsNonRoot is not true")) if {
	some one in containers
	not inherited(one, ["runAsNonRoot"], false) == true
}
