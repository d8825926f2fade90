# No user or group of a pod is root's.
package main

deny contains finding("kubernetes-no-root-user", named(one, sprintf("%s is 0, root's", [key]))) if {
	some one in containers
	some key in ["runAsUser", "runAsGroup"]
	inherited(one, [key], 1) == 0
}

deny contains finding("kubernetes-no-root-user", "its files belong to group 0, root's") if {
	object.get(pod, ["securityContext", "fsGroup"], 1) == 0
}

deny contains finding("kubernetes-no-root-user", "it is in group 0, root's") if {
	0 in object.get(pod, ["securityContext", "supplementalGroups"], [])
}
