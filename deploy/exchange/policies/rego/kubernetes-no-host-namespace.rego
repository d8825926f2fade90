# Pods do not share the host's network, processes or IPC.
package main

deny contains finding("kubernetes-no-host-namespace", sprintf("%s is true", [key])) if {
	some key in ["hostNetwork", "hostPID", "hostIPC"]
	object.get(pod, key, false)
}
