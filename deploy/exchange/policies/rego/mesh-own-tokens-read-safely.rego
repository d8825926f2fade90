# Tokens are read from one place, for an audience, with keys that one object names.
package main

deny contains finding("mesh-own-tokens-read-safely", "it names no issuer: whoever's token it is would do") if {
	kind("RequestAuthentication")
	some rule in object.get(input, ["spec", "jwtRules"], [])
	object.get(rule, "issuer", "") == ""
}

deny contains finding("mesh-own-tokens-read-safely", "it names no audience: a token for another service would do") if {
	kind("RequestAuthentication")
	some rule in object.get(input, ["spec", "jwtRules"], [])
	count(object.get(rule, "audiences", [])) == 0
}

deny contains finding("mesh-own-tokens-read-safely", "its keys come not by https from an address that is named") if {
	kind("RequestAuthentication")
	some rule in object.get(input, ["spec", "jwtRules"], [])
	object.get(rule, "jwks", "") == ""
	not startswith(object.get(rule, "jwksUri", ""), "https://")
}

deny contains finding("mesh-own-tokens-read-safely", sprintf("%s: a token elsewhere than in Authorization gets into logs", [place])) if {
	kind("RequestAuthentication")
	some rule in object.get(input, ["spec", "jwtRules"], [])
	some place in ["fromParams", "fromCookies", "fromHeaders"]
	count(object.get(rule, place, [])) > 0
}
