# No namespace, workload or port takes plain text.
package main

deny contains finding("mesh-mtls-no-exception", sprintf("mtls.mode is %s, not STRICT", [mode])) if {
	kind("PeerAuthentication")
	mode := object.get(input, ["spec", "mtls", "mode"], "STRICT")
	mode != "STRICT"
}

deny contains finding("mesh-mtls-no-exception", sprintf("portLevelMtls.%s.mode is %s, not STRICT", [port, mode])) if {
	kind("PeerAuthentication")
	some port, one in object.get(input, ["spec", "portLevelMtls"], {})
	mode := object.get(one, "mode", "STRICT")
	mode != "STRICT"
}
