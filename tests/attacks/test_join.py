"""A machine that was taken over tries to become another, or the cluster's administrator, on the real API server and controllers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.attacks.control_plane import Caller, ControlPlane, control_plane, node_body
from tests.deploy.kubeadm_config import MASTER
from tests.mesh.processes import wait_until

pytestmark = pytest.mark.verify

AUTO_APPROVAL = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kubeadm:node-autoapprove-bootstrap"
MERGE = "application/merge-patch+json"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running


def awaited(plane: ControlPlane, name: str, instance: str) -> Caller:
    """A machine that EC2 has and the cluster does not: who it is with the token that it was given."""
    plane.machine(name, instance)
    plane.admit()
    return plane.caller(token=plane.token_of(instance))


def joined(plane: ControlPlane, name: str, instance: str) -> Caller:
    """A machine that did all that a kubelet does: who it is with its certificate."""
    token = awaited(plane, name, instance)
    key = plane.ask(token, f"honest-{instance}", name)
    plane.admit()
    node = plane.issued(f"honest-{instance}", key)
    status, said = node.request("POST", "/api/v1/nodes", node_body(name, instance))
    assert status == 201, said
    plane.admit()
    return node


@pytest.fixture(scope="module")
def node(plane: ControlPlane) -> Caller:
    return joined(plane, "k8s-api-chat", "i-0e1")


class TestHonest:
    """What must work: else nothing is shown by what does not."""

    def test_a_machine_joins_with_its_own_token_and_is_dedicated_by_the_master(self, plane: ControlPlane) -> None:
        joined(plane, "k8s-api-auth", "i-0a1")
        node = plane.admin.request("GET", "/api/v1/nodes/k8s-api-auth")[1]
        assert node["metadata"]["labels"]["node-restriction.kubernetes.io/dedicated"] == "api-auth"
        assert node["metadata"]["labels"]["node-restriction.kubernetes.io/role"] == "api"
        assert {"key": "node-restriction.kubernetes.io/dedicated", "value": "api-auth", "effect": "NoSchedule"} in node[
            "spec"
        ]["taints"]

    def test_once_it_has_joined_there_is_neither_a_token_nor_a_parameter(self, plane: ControlPlane) -> None:
        token = awaited(plane, "k8s-api-my", "i-0a2")
        key = plane.ask(token, "honest-my", "k8s-api-my")
        plane.admit()
        plane.issued("honest-my", key).request("POST", "/api/v1/nodes", node_body("k8s-api-my", "i-0a2"))
        plane.admit()
        assert "/eco2/prod/kubernetes/join/i-0a2" not in plane.parameters()
        # The API server remembers for ten seconds whose token was good.
        wait_until(lambda: token.request("GET", "/api/v1/nodes/k8s-api-my")[0] == 401, "the token to be refused")

    def test_a_second_run_changes_nothing(self, plane: ControlPlane) -> None:
        awaited(plane, "k8s-api-image", "i-0a3")
        before = plane.parameters()
        assert plane.admit() == ""
        assert plane.parameters() == before

    def test_the_tokens_group_may_do_what_kubeadms_own_may_and_no_more(self, plane: ControlPlane) -> None:
        def given(group: str) -> set[tuple[str, str, str]]:
            base = "/apis/rbac.authorization.k8s.io/v1"
            found = [
                one
                for kind in ("clusterrolebindings", "rolebindings")
                for one in plane.admin.request("GET", f"{base}/{kind}")[1]["items"]
                if any(who["name"] == group for who in one.get("subjects", []))
            ]
            return {
                (one["metadata"].get("namespace", ""), one["roleRef"]["kind"], one["roleRef"]["name"]) for one in found
            }

        ours = given("system:bootstrappers:eco2")
        assert given("system:bootstrappers:kubeadm:default-node-token") == ours
        assert len(ours) == 5


ANY_NAME = ('if subject != f"subject=CN={NODE}{names[0]},O=system:nodes":', "if False:")
ANY_MACHINE = ('return tags["Name"] if known and profile == known["profile"] else None', 'return tags["Name"]')
LIVE_NODES = ("if name not in nodes and name != SETTINGS", "if name != SETTINGS")
KUBEADMS_GROUP = ('GROUP = "system:bootstrappers:eco2"', 'GROUP = "system:bootstrappers:kubeadm:default-node-token"')
KEPT_BINDING = ('AUTO_APPROVAL = "kubeadm:', 'AUTO_APPROVAL = "not-kubeadm:')


class TestTokenForAnother:
    """The token of one machine, and a request for another's certificate."""

    def test_it_makes_nobody_else(self, plane: ControlPlane) -> None:
        token = awaited(plane, "k8s-api-scan", "i-0b1")
        awaited(plane, "k8s-redis", "i-0b3")
        for target in (MASTER.name, "k8s-redis"):
            plane.ask(token, f"as-{target}", target)
        said = plane.admit()
        assert [plane.outcome(f"as-{target}") for target in (MASTER.name, "k8s-redis")] == [["Denied"], ["Denied"]]
        assert "the token is for k8s-api-scan, the request is not: subject=CN=system:node:k8s-master" in said

    def test_without_the_look_at_the_name_it_makes_the_master_and_with_it_the_administrator(
        self, plane: ControlPlane
    ) -> None:
        token = awaited(plane, "k8s-api-location", "i-0b2")
        key = plane.ask(token, "won-by-name", MASTER.name)
        plane.admit(ANY_NAME)
        assert administrator(plane, plane.issued("won-by-name", key)), "the attack itself works"

    def test_it_makes_no_node_that_lives(self, plane: ControlPlane) -> None:
        """A second machine under the name of one that has joined is given no token; one that it still has is worth nothing."""
        token = awaited(plane, "k8s-postgresql", "i-0b4")
        plane.admin.request("POST", "/api/v1/nodes", node_body("k8s-postgresql", "i-0lost"))
        plane.ask(token, "as-living", "k8s-postgresql")
        plane.admit()
        assert plane.outcome("as-living") == ["Denied"]
        assert "/eco2/prod/kubernetes/join/i-0b4" not in plane.parameters()

    def test_without_that_it_does(self, plane: ControlPlane) -> None:
        token = awaited(plane, "k8s-monitoring", "i-0b5")
        plane.admin.request("POST", "/api/v1/nodes", node_body("k8s-monitoring", "i-0lost2"))
        plane.ask(token, "won-over-living", "k8s-monitoring")
        plane.admit(LIVE_NODES)
        assert plane.outcome("won-over-living") == ["Approved"]


class TestMachines:
    """Machines that EC2 has, and that are not what they are called."""

    @pytest.mark.parametrize(
        "more",
        [
            {"IamInstanceProfile": {"Arn": "arn:aws:iam::290008131187:instance-profile/wealist-prod-ec2"}},
            {"VpcId": "vpc-0other"},
            {"State": {"Name": "stopped"}},
            {"Tags": [{"Key": "Name", "Value": "k8s-worker-ai"}]},
        ],
        ids=["another profile", "another network", "stopped", "not the cluster's"],
    )
    def test_nothing_is_handed_to_it(self, plane: ControlPlane, more: dict[str, Any]) -> None:
        before = list(plane.instances)
        plane.machine("k8s-worker-ai", "i-0c1", **more)
        plane.admit()
        plane.instances[:] = before
        assert "/eco2/prod/kubernetes/join/i-0c1" not in plane.parameters()

    def test_nothing_is_handed_to_either_of_two_under_one_name(self, plane: ControlPlane) -> None:
        before = list(plane.instances)
        plane.machine("k8s-worker-storage", "i-0c2")
        plane.machine("k8s-worker-storage", "i-0c3")
        said = plane.admit()
        plane.instances[:] = before
        assert "i-0c2 and i-0c3 are all tagged k8s-worker-storage: none of them is let in" in said
        assert not [name for name in plane.parameters() if name.endswith(("i-0c2", "i-0c3"))]

    def test_a_second_master_is_not_let_in(self, plane: ControlPlane) -> None:
        """Not even when the Node object of the master is gone for a moment: then nobody is."""
        before = list(plane.instances)
        plane.machine(MASTER.name, "i-0c4")
        plane.admit()
        plane.instances[:] = before
        assert "/eco2/prod/kubernetes/join/i-0c4" not in plane.parameters()

    def test_without_the_look_at_the_profile_another_systems_machine_would_be(self, plane: ControlPlane) -> None:
        before = list(plane.instances)
        plane.machine("k8s-worker-ai", "i-0c5", role="of-another-system")
        plane.admit(ANY_MACHINE)
        assert "/eco2/prod/kubernetes/join/i-0c5" in plane.parameters()
        plane.instances[:] = before
        plane.admit()
        assert "/eco2/prod/kubernetes/join/i-0c5" not in plane.parameters(), "and it is taken back"


class TestAutomaticApproval:
    """kubeadm's own way, at init and at every upgrade: whoever has a token of its group is whichever node they like."""

    def test_the_binding_does_not_stay(self, plane: ControlPlane) -> None:
        plane.upgrade()
        assert plane.admin.request("GET", AUTO_APPROVAL)[0] == 200
        plane.admit()
        assert plane.admin.request("GET", AUTO_APPROVAL)[0] == 404

    def test_while_it_is_there_no_token_is_of_its_group(self, plane: ControlPlane) -> None:
        token = awaited(plane, "k8s-ingress-gateway", "i-0d1")
        plane.upgrade()
        plane.ask(token, "while-it-is-there", MASTER.name)
        plane.admit(KEPT_BINDING)
        assert plane.outcome("while-it-is-there") == ["Denied"]

    def test_without_either_the_attack_wins(self, plane: ControlPlane) -> None:
        plane.machine("k8s-api-character", "i-0d2")
        plane.upgrade()
        plane.admit(KUBEADMS_GROUP, KEPT_BINDING)
        token = plane.caller(token=plane.token_of("i-0d2"))
        key = plane.ask(token, "won-by-approval", MASTER.name)
        assert administrator(plane, plane.issued("won-by-approval", key))


class TestNode:
    """A machine that has joined, with its own certificate."""

    def test_it_makes_nobody_else(self, plane: ControlPlane, node: Caller) -> None:
        with pytest.raises(AssertionError, match="can only create a node CSR with CN=system:node:k8s-api-chat"):
            plane.ask(node, "node-as-master", MASTER.name)

    def test_it_renews_its_own(self, plane: ControlPlane, node: Caller) -> None:
        key = plane.ask(node, "renewed", "k8s-api-chat")
        assert plane.issued("renewed", key).request("GET", "/api/v1/nodes/k8s-api-chat")[0] == 200

    @pytest.mark.parametrize(
        "change",
        [
            {"metadata": {"labels": {"node-restriction.kubernetes.io/dedicated": "control-plane"}}},
            {"metadata": {"labels": {"node-restriction.kubernetes.io/role": "control-plane"}}},
            {"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}},
            {"spec": {"taints": []}},
        ],
        ids=["dedicated", "role", "control plane", "taints"],
    )
    def test_it_draws_nobody_elses_pods(self, plane: ControlPlane, node: Caller, change: dict[str, Any]) -> None:
        status, said = node.request("PATCH", "/api/v1/nodes/k8s-api-chat", change, MERGE)
        assert status == 403, said

    def test_another_domains_label_it_could_set(self, plane: ControlPlane, node: Caller) -> None:
        change = {"metadata": {"labels": {"eco2.internal/dedicated": "control-plane"}}}
        assert node.request("PATCH", "/api/v1/nodes/k8s-api-chat", change, MERGE)[0] == 200

    def test_it_may_not_register_as_dedicated_to_anything(self, plane: ControlPlane) -> None:
        token = awaited(plane, "k8s-worker-ai", "i-0e2")
        key = plane.ask(token, "ai", "k8s-worker-ai")
        plane.admit()
        node = plane.issued("ai", key)
        label = {"node-restriction.kubernetes.io/dedicated": "redis"}
        assert node.request("POST", "/api/v1/nodes", node_body("k8s-worker-ai", "i-0e2", **label))[0] == 403

    def test_it_gets_no_token_of_argo_cd(self, plane: ControlPlane, node: Caller) -> None:
        assert not administrator(plane, node)

    def test_what_it_tried_on_its_labels_is_in_the_audit_log(self, plane: ControlPlane, node: Caller) -> None:
        change = {"metadata": {"labels": {"node-restriction.kubernetes.io/dedicated": "audited"}}}
        node.request("PATCH", "/api/v1/nodes/k8s-api-chat", change, MERGE)
        written = [json.loads(line) for line in plane.audit.read_text().splitlines()]
        (event,) = [one for one in written if "audited" in json.dumps(one.get("requestObject", {}))]
        assert (event["user"]["username"], event["verb"]) == ("system:node:k8s-api-chat", "patch")
        assert event["responseStatus"]["code"] == 403


def administrator(plane: ControlPlane, node: Caller) -> bool:
    """What the certificate of a machine is worth: a token of Argo CD's controller, which runs on the master, and so everything."""
    namespace, account = "argocd", "argocd-application-controller"
    base = f"/api/v1/namespaces/{namespace}"
    for path, body in (
        ("/api/v1/namespaces", {"metadata": {"name": namespace}}),
        (f"{base}/serviceaccounts", {"metadata": {"name": account}}),
        (f"{base}/pods", {"metadata": {"name": account}, "spec": {
            "nodeName": MASTER.name, "serviceAccountName": account, "containers": [{"name": "c", "image": "c"}]}}),
        ("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
            "metadata": {"name": account}, "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}]}),
    ):  # fmt: skip
        status, said = plane.admin.request("POST", path, body)
        assert status in (201, 409), said
    pod = plane.admin.request("GET", f"{base}/pods/{account}")[1]
    bound = {"kind": "Pod", "apiVersion": "v1", "name": account, "uid": pod["metadata"]["uid"]}
    asked = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {"boundObjectRef": bound}}
    status, said = node.request("POST", f"{base}/serviceaccounts/{account}/token", asked)
    if status != 201:
        return False
    return plane.caller(token=said["status"]["token"]).request("GET", "/api/v1/secrets")[0] == 200
