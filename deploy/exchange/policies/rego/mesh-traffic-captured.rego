# No pod goes round its sidecar.
package main

deny contains finding("mesh-traffic-captured", sprintf("%s is %s", [key, value])) if {
	some key, value in marks
	key == "sidecar.istio.io/inject"
	lower(value) != "true"
}

deny contains finding("mesh-traffic-captured", sprintf("%s: that traffic is neither encrypted nor judged", [key])) if {
	some key, _ in marks
	startswith(key, "traffic.sidecar.istio.io/")
}

deny contains finding("mesh-traffic-captured", sprintf("%s replaces the proxy's own settings", [key])) if {
	some key, _ in marks
	key in {"proxy.istio.io/config", "sidecar.istio.io/bootstrapOverride", "inject.istio.io/templates"}
}

marks[key] := value if some key, value in object.get(template, ["metadata", "labels"], {})

marks[key] := value if some key, value in object.get(template, ["metadata", "annotations"], {})
