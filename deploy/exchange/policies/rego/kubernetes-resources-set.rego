# Containers ask for CPU and memory, and have a limit of memory.
package main

deny contains finding("kubernetes-resources-set", named(one, sprintf("resources.%s is not set", [concat(".", path)]))) if {
	some one in containers
	some path in [["requests", "cpu"], ["requests", "memory"], ["limits", "memory"]]
	object.get(one, array.concat(["resources"], path), "") == ""
}
