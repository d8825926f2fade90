# What the rules read is found in every kind that holds a pod, and in the exchange's namespace alone.
package main_test

import data.main

spec(name) := {"containers": [{"name": name, "image": "ghcr.io/x/y:1", "securityContext": {"privileged": true}}]}

workload(kind, namespace) := {
	"kind": kind,
	"metadata": {"name": "x", "namespace": namespace},
	"spec": {"template": {"spec": spec("c")}},
}

privileged := {found |
	some found in main.deny
	found.rule == "kubernetes-no-privileged-container"
}

test_a_pod_is_found_in_every_kind if {
	every kind in ["DaemonSet", "Deployment", "Job", "ReplicaSet", "Rollout", "StatefulSet"] {
		count(privileged) == 1 with input as workload(kind, "gateway")
	}
}

test_a_pod_by_itself_and_one_of_a_schedule if {
	metadata := {"name": "x", "namespace": "gateway"}
	count(privileged) == 1 with input as {"kind": "Pod", "metadata": metadata, "spec": spec("c")}
	scheduled := {"jobTemplate": {"spec": {"template": {"spec": spec("c")}}}}
	count(privileged) == 1 with input as {"kind": "CronJob", "metadata": metadata, "spec": scheduled}
}

test_another_namespace_is_not_judged if {
	count(main.deny) == 0 with input as workload("Deployment", "kube-system")
	count(main.deny) == 0 with input as {"kind": "Namespace", "metadata": {"name": "gateway"}}
}

test_a_container_that_comes_first_is_one_too if {
	object_ := json.patch(workload("Deployment", "gateway"), [
		{"op": "replace", "path": "spec/template/spec/containers", "value": []},
		{"op": "add", "path": "spec/template/spec/initContainers", "value": spec("first").containers},
	])
	count(privileged) == 1 with input as object_
}

test_what_a_pod_says_holds_for_its_containers_until_they_say_otherwise if {
	pod := {"securityContext": {"runAsNonRoot": true}, "containers": [{"name": "a"}]}
	metadata := {"name": "x", "namespace": "gateway"}
	found := {one | some one in main.deny; one.rule == "kubernetes-run-as-non-root"} with input as {
		"kind": "Pod",
		"metadata": metadata,
		"spec": pod,
	}
	count(found) == 0
	otherwise := json.patch(pod, [{
		"op": "add",
		"path": "containers/0/securityContext",
		"value": {"runAsNonRoot": false},
	}])
	again := {one | some one in main.deny; one.rule == "kubernetes-run-as-non-root"} with input as {
		"kind": "Pod",
		"metadata": metadata,
		"spec": otherwise,
	}
	count(again) == 1
}
