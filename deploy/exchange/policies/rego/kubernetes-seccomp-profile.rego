# Containers may make only the system calls of a seccomp profile.
package main

deny contains finding("kubernetes-seccomp-profile", named(one, "seccompProfile.type is neither RuntimeDefault nor Localhost")) if {
	some one in containers
	not inherited(one, ["seccompProfile", "type"], "") in {"RuntimeDefault", "Localhost"}
}
