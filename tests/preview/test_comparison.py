"""What a change does to each resource, as the engine would decide it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from rehearsal.preview.comparison import Comparison, Kind, compare
from rehearsal.preview.replacement import FIXED, forces_replacement, is_known
from rehearsal.preview.snapshot import EMPTY, Snapshot, load, save, taken
from rehearsal.preview.values import ABSENT, Sealed, decoded, differences
from rehearsal.recording import Recording
from tests.preview.changes import added, edited, find, removed, renamed, together, with_
from tests.preview.provider_inputs import inputs_of

RDS = ("Instance", "wealist-database-instance")
SECRET = ("Parameter", "eco2-parameters-grafana-admin-password")


def kinds(comparison: Comparison) -> dict[str, Kind]:
    return {change.resource.name: change.kind for change in comparison.changes}


def paths(comparison: Comparison, name: str, kind: str = "") -> dict[str, tuple[Any, Any]]:
    (change,) = (one for one in comparison.changes if one.resource.name == name and one.resource.type.endswith(kind))
    return {one.path: (one.old, one.new) for one in change.properties}


def test_a_stack_and_itself_do_not_differ(stack: Snapshot) -> None:
    same = compare("prod", stack, stack)
    assert (same.changes, same.outputs, same.findings, same.renamed) == ((), (), (), ())
    assert same.unchanged == sum(one.custom for one in stack)


def test_a_new_stack_is_all_added(stack: Snapshot) -> None:
    made = compare("prod", EMPTY, stack)
    assert set(kinds(made).values()) == {Kind.ADD}
    assert len(made.changes) == sum(one.custom for one in stack)
    assert made.unchanged == 0


def test_a_stack_that_is_gone_is_all_removed(stack: Snapshot) -> None:
    assert set(kinds(compare("prod", stack, EMPTY)).values()) == {Kind.REMOVE}


def test_inputs_are_compared_one_by_one(stack: Snapshot) -> None:
    new = edited(*RDS, {"instanceClass": "db.t3.small", "tags.Team": "data", "maxAllocatedStorage": ...})(stack)
    assert paths(compare("prod", stack, new), RDS[1]) == {
        "instanceClass": ("db.t3.micro", "db.t3.small"),
        "maxAllocatedStorage": (100, ABSENT),
        "tags.Team": (ABSENT, "data"),
    }


def test_what_is_in_a_policy_document_is_compared_too(stack: Snapshot) -> None:
    was = find(stack, "RolePolicy", "wealist-network-flow-logs")
    content = json.loads(was.inputs["policy"])
    content["Statement"][0]["Action"].append("logs:CreateLogGroup")
    new = edited("RolePolicy", was.name, {"policy": json.dumps(content)})(stack)
    ((path, (_, after)),) = paths(compare("prod", stack, new), was.name).items()
    assert path == "policy.Statement[0].Action"
    assert after[-1] == "logs:CreateLogGroup"


def test_a_change_that_is_ignored_is_none(stack: Snapshot) -> None:
    assert find(stack, *RDS).ignore_changes == ("engineVersion",)
    assert compare("prod", stack, edited(*RDS, {"engineVersion": "18"})(stack)).changes == ()


def test_an_alias_goes_on_with_the_old_resource(stack: Snapshot) -> None:
    moved = compare("prod", stack, renamed(*RDS, to="wealist-orders", alias=True)(stack))
    assert moved.changes == ()
    assert [(was.name, now.name) for was, now in moved.renamed] == [("wealist-database-instance", "wealist-orders")]


def test_without_an_alias_the_twin_is_found(stack: Snapshot) -> None:
    moved = compare("prod", stack, renamed(*RDS, to="wealist-orders")(stack))
    assert kinds(moved) == {"wealist-database-instance": Kind.REMOVE, "wealist-orders": Kind.ADD}
    assert [one.twin and one.twin.name for one in moved.changes] == ["wealist-orders", "wealist-database-instance"]


def test_a_replacement_replaces_those_that_cannot_follow_it(stack: Snapshot) -> None:
    """VPC → subnets and security groups → nodes; the load balancer takes other subnets in place."""
    new = edited("Vpc", "eco2-network-vpc", {"cidrBlock": "10.9.0.0/16"})(stack)
    found = compare("prod", stack, new)
    decided = kinds(found)
    assert decided["eco2-network-vpc"] is Kind.REPLACE
    assert decided["eco2-network-private-a"] is Kind.REPLACE
    assert decided["eco2-k8s-master-instance"] is Kind.REPLACE
    assert decided["eco2-api-alb"] is Kind.UPDATE
    assert not any(name.startswith("wealist-") for name in decided)
    assert paths(found, "eco2-network-private-a", ":Subnet")["vpcId"] == (
        "${eco2-network-vpc.id}",
        "${eco2-network-vpc.id of the new one}",
    )


def test_an_update_in_place_changes_nobody_else(stack: Snapshot) -> None:
    new = edited("Vpc", "eco2-network-vpc", {"enableDnsSupport": False})(stack)
    assert kinds(compare("prod", stack, new)) == {"eco2-network-vpc": Kind.UPDATE}


def test_other_ids_of_the_embedded_cloud_are_no_change(stack: Snapshot) -> None:
    """Ids that a cloud makes up may differ; what refers to them is the same."""
    vpc = find(stack, "Vpc", "eco2-network-vpc")
    text = json.dumps(
        {one.urn: [one.inputs, one.outputs, one.id] for one in stack}, default=lambda sealed: {"sealed": sealed.digest}
    )
    other = json.loads(text.replace(vpc.id, "vpc-0000000000000000f"), object_hook=_unsealed)
    new = with_(stack, *(_with(one, *other[one.urn]) for one in stack))
    assert find(new, "Subnet", "eco2-network-private-a").inputs["vpcId"] == "vpc-0000000000000000f"
    assert compare("prod", stack, new).changes == ()


def _unsealed(content: dict[str, Any]) -> Any:
    return Sealed(content["sealed"]) if content.keys() == {"sealed"} else content


def _with(one: Any, inputs: Any, outputs: Any, identifier: str) -> Any:
    return replace(one, inputs=inputs, outputs=outputs, id=identifier)


def test_a_secret_changes_without_being_seen(stack: Snapshot) -> None:
    new = edited(*SECRET, {"value": Sealed("another")})(stack)
    ((_, step),) = paths(compare("prod", stack, new), SECRET[1]).items()
    assert [str(value) for value in step] == ["[secret]", "[secret]"]


def test_a_snapshot_holds_no_secret_and_comes_back_as_it_was(prod: Recording, stack: Snapshot, tmp_path: Any) -> None:
    save(tmp_path / "one.json", stack)
    text = (tmp_path / "one.json").read_text()
    drawn = [str(one.outputs["result"]) for one in prod.of("RandomPassword")]
    marked = [
        str(one.inputs["value"].value)
        for one in prod.of("aws:ssm/parameter:Parameter")
        if one["type"] == "SecureString"
    ]
    assert len(drawn) > 5
    assert marked
    assert not [secret for secret in drawn + marked if json.dumps(secret, ensure_ascii=False)[1:-1] in text]
    assert load(tmp_path / "one.json") == stack
    assert (tmp_path / "one.json").stat().st_mode & 0o077 == 0


def test_the_stacks_outputs_are_compared(stack: Snapshot) -> None:
    new = replace(stack, outputs={**stack.outputs, "more": "x"})
    assert [(one.path, one.new) for one in compare("prod", stack, new).outputs] == [("more", "x")]


def test_one_zone_more_adds_its_parts_and_changes_no_other_subnet(stack: Snapshot) -> None:
    new = together(
        added("Subnet", "eco2-network-private-d", "eco2-network-private-b", {"availabilityZone": "ap-northeast-2b"}),
        added("Subnet", "eco2-network-public-d", "eco2-network-public-b", {"availabilityZone": "ap-northeast-2b"}),
    )(stack)
    assert kinds(compare("prod", stack, new)) == {"eco2-network-private-b": Kind.ADD, "eco2-network-public-b": Kind.ADD}
    assert set(kinds(compare("prod", new, stack)).values()) == {Kind.REMOVE}


def test_one_more_item_in_front_is_one_difference() -> None:
    old = {"rules": [{"name": "a", "port": 1}, {"name": "b", "port": 2}]}
    new = {"rules": [{"name": "c", "port": 3}, {"name": "a", "port": 1}, {"name": "b", "port": 9}]}
    found = {one.path: (one.old, one.new) for one in differences(old, new)}
    assert found == {"rules[0]": (ABSENT, {"name": "c", "port": 3}), "rules[2].port": (2, 9)}


@pytest.mark.parametrize(("one", "other"), [(True, 1), (False, 0), ("1", 1)])
def test_values_of_other_kinds_differ(one: Any, other: Any) -> None:
    assert list(differences({"a": one}, {"a": other}))


def test_null_is_as_good_as_absent() -> None:
    assert list(differences({"a": None}, {})) == []


def test_user_data_is_read_as_text() -> None:
    assert decoded("IyEvYmluL2Jhc2gKZWNobyBoaQplY2hvIHlvdQo=") == "#!/bin/bash\necho hi\necho you\n"
    assert decoded("/aws/rds/instance/wealist/postgresql") == "/aws/rds/instance/wealist/postgresql"


# What forces a replacement


def test_it_is_known_of_every_type_of_the_stack_what_replaces_it(stack: Snapshot) -> None:
    assert {one.type for one in stack if one.custom and not is_known(one.type)} == set()


@pytest.mark.parametrize("token", sorted(token for token in FIXED if token.startswith("aws:")))
def test_what_forces_a_replacement_is_an_input_of_its_type(token: str) -> None:
    fixed = FIXED[token]
    named = {path.split(".")[0] for path in (*fixed.paths, *(fixed.when or {}))}
    assert named - inputs_of(token) == set()


@pytest.mark.parametrize(
    ("token", "path", "new", "forces"),
    [
        ("aws:rds/instance:Instance", "storageEncrypted", {}, True),
        ("aws:rds/instance:Instance", "identifier", {}, False),
        ("aws:rds/instance:Instance", "region", {}, True),
        ("aws:ec2/instance:Instance", "rootBlockDevice.encrypted", {}, True),
        ("aws:ec2/instance:Instance", "rootBlockDevice.volumeSize", {}, False),
        ("aws:ec2/instance:Instance", "userData", {"userDataReplaceOnChange": True}, True),
        ("aws:ec2/instance:Instance", "userData", {}, False),
        ("aws:ssm/parameter:Parameter", "tier", {"tier": "Standard"}, True),
        ("aws:ssm/parameter:Parameter", "tier", {"tier": "Advanced"}, False),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "cidrIpv4", {"cidrIpv4": "0.0.0.0/0"}, True),
        ("kubernetes:apps/v1:StatefulSet", "spec.volumeClaimTemplates.spec.resources", {}, True),
        ("kubernetes:apps/v1:StatefulSet", "spec.replicas", {}, False),
        ("kubernetes:networking.istio.io/v1:Gateway", "metadata.namespace", {}, True),
        ("random:index/randomPassword:RandomPassword", "length", {}, True),
        ("kubernetes:core/v1:PersistentVolumeClaim", "spec.storageClassName", {}, True),
        ("kubernetes:core/v1:PersistentVolumeClaim", "spec.resources.requests.storage", {}, False),
        ("aws:route53/record:Record", "type", {}, True),
        ("aws:codedeploy/deploymentGroup:DeploymentGroup", "appName", {}, False),
        ("aws:not/known:Thing", "name", {}, False),
    ],
)
def test_a_path_forces_a_replacement_or_not(token: str, path: str, new: dict[str, Any], forces: bool) -> None:
    assert forces_replacement(token, path, {}, new) is forces


def test_a_machine_of_another_processor_is_another_machine() -> None:
    def replaces(old: str, new: str) -> bool:
        kinds = {"instanceType": old}, {"instanceType": new}
        return forces_replacement("aws:ec2/instance:Instance", "instanceType", *kinds)

    assert replaces("t3.small", "t4g.small")
    assert not replaces("t3.small", "t3.large")


def test_a_removed_and_an_added_resource_that_are_alike_only_in_type_are_no_twins(stack: Snapshot) -> None:
    new = together(
        removed("LogGroup", "eco2-waf-logs"),
        added(
            "LogGroup",
            "wealist-network-flow-logs",
            "wealist-more-logs",
            {"name": "/x", "retentionInDays": 5, "kmsKeyId": "k", "tags": {}},
        ),
    )(stack)
    assert [one.twin for one in compare("prod", stack, new).changes] == [None, None]


def test_a_recording_and_itself_do_not_differ(prod: Recording) -> None:
    assert compare("prod", taken(prod), taken(prod)).changes == ()
