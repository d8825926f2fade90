"""dev's deploy role, and whatever role it makes, in the account that it shares with prod: what holds it away from prod's parts.

Either the resource has the stack's name, or AWS looks at a tag of it, by which the other stack's are denied. Whether it does is
what AWS says (`tests/witness/iam_actions.py`). What neither holds is refused altogether, or listed here with what it reaches.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.systems import REGISTRY, Guest
from policy.iam_documents import Statement, statements
from rehearsal.recording import Recording, Registered
from tests.iam import Policies, policies_of, policy_named
from tests.stacks import ACCOUNT, REGION
from tests.witness.iam_actions import Action, matching, overlap

TENANTS = [system for system, one in REGISTRY.items() if isinstance(one, Guest)]
OWN = (
    "wealist-dev",
    "eco2-dev",
    "eco2-example-dev",
    "/wealist/dev",
    "/eco2/dev",
    *(f"/{system}/dev" for system in TENANTS),
    *(f"{system}-dev" for system in TENANTS),
    *(f"{system.replace('_', '-')}{part}" for system in TENANTS for part in ("-dev", "-example-dev")),
    "edge-platform/dev",
    "oidc.dev.eco2",
)
"""What is dev's by its name."""

NEW = {
    "acm:RequestCertificate",
    "cloudfront:CreateDistribution",
    "cloudfront:CreateOriginAccessControl",
    "cloudfront:CreateResponseHeadersPolicy",
    "kms:CreateKey",
}
"""They make something, and touch nothing that is there."""

OF_AWS = {"wafv2:CreateWebACL", "wafv2:UpdateWebACL"}
"""Beside the stack's own, they name AWS's rule sets."""

STATE = {"s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket"}
"""The state's bucket is all stacks': the names of its files, and `meta.yaml`, which says the format."""

AGENTS = ("ec2messages", "ssmmessages")
OWN_MACHINE = {one.name for service in AGENTS for one in matching(f"{service}:*") if not one.access <= {"List", "Read"}}
OWN_MACHINE |= {"ssm:PutInventory"}
"""What an agent says of the machine whose credentials it has."""

LEFT = {"logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:PutResourcePolicy", "logs:UpdateLogDelivery"}
"""AWS knows no resource for them: in a shared account another stack's flow and firewall logs could be stopped, none be read."""

TARGETS_UNASKED = {
    "ssm:CreateAssociation",
    "ssm:CreateAssociationBatch",
    "ssm:StartAssociationsOnce",
    "ssm:UpdateAssociation",
}
"""They run a document on machines that a tag names, and IAM is asked about the document: root on prod's."""

DATA = ("s3:", "secretsmanager:", "ssm:GetParameter", "kms:")
"""Where reading is what an attacker wants."""


def documents(stack: Recording) -> tuple[list[Statement], list[Statement]]:
    """What the deploy role's policies say together, and the boundary."""
    attached = {one["policyArn"] for one in stack.of("RolePolicyAttachment") if one["role"] == "delivery-dev-deploy"}
    policies = stack.of("aws:iam/policy:Policy")
    deploy = [one for policy in policies if policy.outputs["arn"] in attached for one in statements(policy["policy"])]
    (boundary,) = [statements(policy["policy"]) for policy in policies if policy["name"] == "delivery-dev-boundary"]
    return deploy, list(boundary)


def loose(every: list[Statement]) -> Iterator[str]:
    """Each allowed action that neither a name, a tag nor a denial of all but the stack's holds to the stack."""
    fences = [one for one in every if not one.allows and (one.not_resources or _names_records(one))]
    for one in every:
        wide = [resource for resource in one.resources if not any(name in resource for name in OWN)]
        for found in (each for pattern in one.actions for each in matching(pattern)) if one.allows else ():
            changes = not found.access <= {"Read", "List"} or found.name.startswith(DATA)
            held = one.conditions or any(_covers(fence, found.name) for fence in fences)
            if changes and not held and _untagged(found, wide):
                yield found.name


def _names_records(one: Statement) -> bool:
    return any(key.startswith("route53:") for _, key, _ in one.conditions)


def _covers(fence: Statement, action: str) -> bool:
    return any(each.name == action for pattern in fence.actions for each in matching(pattern))


def _untagged(found: Action, wide: list[str]) -> bool:
    if not found.kinds:
        return "*" in wide
    # Where a command's output goes is decided by the right to write there.
    arns = [arn for arn in found.untagged if ":s3:" not in arn or found.name.startswith("s3:")]
    return any(_meets(one, arn) for one in wide for arn in arns)


def _meets(resource: str, arn: str) -> bool:
    parts = resource.split(":", 5), arn.split(":", 5)
    return resource == "*" or all(overlap(one, other) for one, other in zip(*parts, strict=True))


def test_whatever_may_be_changed_has_the_stacks_name_or_a_tag_that_aws_looks_at(dev: Recording) -> None:
    deploy, boundary = documents(dev)
    assert set(loose(deploy)) == NEW | OF_AWS | STATE | LEFT
    assert set(loose(boundary)) == OWN_MACHINE


def test_no_document_is_run_on_machines_that_iam_is_not_asked_about(dev: Recording) -> None:
    for every in documents(dev):
        allowed = {found.name for one in every if one.allows for pattern in one.actions for found in matching(pattern)}
        assert allowed & TARGETS_UNASKED == set()


@pytest.fixture
def deploy(dev: Recording) -> Policies:
    return policies_of(dev, "delivery-dev-deploy")


@pytest.fixture
def boundary(dev: Recording) -> Policies:
    return policy_named(dev, "delivery-dev-boundary")


ZONE = "arn:aws:route53:::hostedzone/Z0PROD"
NAMES = "route53:ChangeResourceRecordSetsNormalizedRecordNames"


def test_no_name_of_prods_is_written_into_any_zone(deploy: Policies, boundary: Policies) -> None:
    for role in (deploy, boundary):
        for own in (
            "dev.wealist.co.kr",
            "api.dev.wealist.co.kr",
            "_acme.eco2-dev.example.com",
            "k8s.eco2-dev.internal",
        ):
            assert role.allow("route53:ChangeResourceRecordSets", ZONE, {NAMES: [own]}), own
        for other in (
            "wealist.co.kr",
            "api.wealist.co.kr",
            "eco2.example.com",
            "k8s.eco2-prod.internal",
            "xdev.wealist.co.kr",
        ):
            assert not role.allow("route53:ChangeResourceRecordSets", ZONE, {NAMES: [other]}), other
        # One foreign name among own ones is enough.
        assert not role.allow("route53:ChangeResourceRecordSets", ZONE, {NAMES: ["dev.wealist.co.kr", "wealist.co.kr"]})
    for action in ("DeleteHostedZone", "AssociateVPCWithHostedZone", "ChangeTagsForResource"):
        assert not deploy.allow(f"route53:{action}", ZONE), action


def test_records_of_the_stack_are_all_below_its_domains(dev: Recording, deploy: Policies) -> None:
    records: list[Registered] = dev.of("aws:route53/record:Record")
    assert len(records) > 8
    for one in records:
        name = str(one["name"]).lower().rstrip(".")
        assert deploy.allow("route53:ChangeResourceRecordSets", ZONE, {NAMES: [name]}), name


@pytest.mark.parametrize("bucket", ["wealist-codedeploy-artifacts", "eco2-example-etcd-snapshots", "payroll"])
def test_a_role_that_dev_makes_reads_no_bucket_of_prods(boundary: Policies, bucket: str) -> None:
    here = {"aws:ResourceAccount": ACCOUNT}
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert not boundary.allow(action, f"arn:aws:s3:::{bucket}/x", here)
        assert boundary.allow(action, "arn:aws:s3:::wealist-dev-app-resources/x", here)
    assert not boundary.allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", here)
    # AWS's own, such as those of its agents.
    assert boundary.allow(
        "s3:GetObject", f"arn:aws:s3:::aws-codedeploy-{REGION}/x", {"aws:ResourceAccount": "111122223333"}
    )


def test_a_role_that_dev_makes_changes_no_setting_of_the_whole_registry(boundary: Policies) -> None:
    for action in ("ecr:PutRegistryPolicy", "ecr:PutReplicationConfiguration", "ecr:DeletePullThroughCacheRule"):
        assert not boundary.allow(action, "*")
    assert boundary.allow("ecr:GetAuthorizationToken", "*")
    prods = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/wealist-prod-user-service"
    assert not boundary.allow("ecr:PutImage", prods, {"aws:ResourceTag/Environment": "prod"})


def test_another_stacks_access_control_of_cloudfront_stays_as_it_is(deploy: Policies) -> None:
    for kind, action in (
        ("origin-access-control", "OriginAccessControl"),
        ("response-headers-policy", "ResponseHeadersPolicy"),
    ):
        for verb in ("Update", "Delete"):
            assert not deploy.allow(f"cloudfront:{verb}{action}", f"arn:aws:cloudfront::{ACCOUNT}:{kind}/E1")
