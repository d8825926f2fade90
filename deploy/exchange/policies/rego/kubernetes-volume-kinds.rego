# Pods mount nothing of their host.
package main

deny contains finding("kubernetes-volume-kinds", sprintf("volume %s is of kind %s", [volume.name, key])) if {
	some volume in object.get(pod, "volumes", [])
	some key in (object.keys(volume) - volume_keys)
}

volume_keys := {
	"name", "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected",
	"secret",
}
