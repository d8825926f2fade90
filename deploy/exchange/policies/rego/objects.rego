# What the rules of this folder read: the exchange's objects, and the pods that some of them are the template of.
#
# Each rule is a file of its name, and says what `policy/rules` says by that name and Kyverno's policy of that name in `../kyverno`.
# `conftest test --policy deploy/exchange/policies/rego <manifests>` asks all of them.
package main

namespaces := {"gateway"}

ours if input.metadata.namespace in namespaces

kind(name) if {
	ours
	input.kind == name
}

template := input.spec.template if {
	ours
	input.kind in {"DaemonSet", "Deployment", "Job", "ReplicaSet", "Rollout", "StatefulSet"}
}

template := input.spec.jobTemplate.spec.template if kind("CronJob")

template := input if kind("Pod")

pod := template.spec

containers := array.concat(pod.containers, object.get(pod, "initContainers", []))

every_container := array.concat(containers, object.get(pod, "ephemeralContainers", []))

# A security setting of the container, or the pod's, which it inherits.
inherited(container, path, otherwise) := object.get(
	container, array.concat(["securityContext"], path),
	object.get(pod, array.concat(["securityContext"], path), otherwise),
)

own(container, path, otherwise) := object.get(container, array.concat(["securityContext"], path), otherwise)

finding(rule, said) := {"msg": sprintf("%s: %s", [rule, said]), "rule": rule}

named(container, said) := sprintf("container %s: %s", [container.name, said])
