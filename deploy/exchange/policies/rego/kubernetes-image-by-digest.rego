# An image is named by its digest.
package main

deny contains finding("kubernetes-image-by-digest", named(one, sprintf("the image %s is named by its tag alone", [one.image]))) if {
	some one in every_container
	not regex.match(`@sha256:[0-9a-f]{64}$`, one.image)
}
