# Calls within the mesh go by mutual TLS, those out of it by verified TLS.
package main

deny contains finding("mesh-destination-mtls", "tls.mode is not ISTIO_MUTUAL") if {
	some one in called
	in_mesh
	object.get(one, ["tls", "mode"], "") != "ISTIO_MUTUAL"
}

deny contains finding("mesh-destination-mtls", "tls.mode: it leaves the mesh in the clear") if {
	some one in called
	not in_mesh
	object.get(one, ["tls", "mode"], "DISABLE") == "DISABLE"
}

deny contains finding("mesh-destination-mtls", "tls.caCertificates is not set: any certificate will do") if {
	some one in called
	not in_mesh
	one.tls.mode == "SIMPLE"
	object.get(one, ["tls", "caCertificates"], "") == ""
}

deny contains finding("mesh-destination-mtls", "tls.insecureSkipVerify is true") if {
	some one in called
	one.tls.insecureSkipVerify
}

in_mesh if regex.match(`^[a-z0-9-]+[.][a-z0-9-]+[.]svc[.]cluster[.]local$`, input.spec.host)

called := array.concat(
	[object.get(input.spec, "trafficPolicy", {})],
	array.concat(
		object.get(input.spec, ["trafficPolicy", "portLevelSettings"], []),
		[one.trafficPolicy | some one in object.get(input.spec, "subsets", []); one.trafficPolicy.tls],
	),
) if {
	kind("DestinationRule")
}
