# A process gains no privileges that its parent has not.
package main

deny contains finding("kubernetes-no-privilege-escalation", named(one, "allowPrivilegeEscalation is not false")) if {
	some one in containers
	not own(one, ["allowPrivilegeEscalation"], true) == false
}
