# No container is privileged.
package main

deny contains finding("kubernetes-no-privileged-container", named(one, "it is privileged")) if {
	some one in containers
	own(one, ["privileged"], false)
}

deny contains finding("kubernetes-no-privileged-container", named(one, "it is a process of the host")) if {
	some one in containers
	inherited(one, ["windowsOptions", "hostProcess"], false)
}
