# Containers cannot write to their image.
package main

deny contains finding("kubernetes-read-only-root-filesystem", named(one, "readOnlyRootFilesystem is not true")) if {
	some one in containers
	not own(one, ["readOnlyRootFilesystem"], false) == true
}
