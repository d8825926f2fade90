"""Machines and what releases to them: metadata with a token, encrypted disks, no address, no SSH key, a way back."""

from __future__ import annotations

import base64
import binascii
import gzip
import re
from collections.abc import Iterator

from policy.aws_types import AUTO_SCALING_GROUP, DEPLOYMENT_GROUP, DOCUMENT, INSTANCE, LAUNCH_TEMPLATE, PARAMETER
from policy.checks import (
    at,
    each,
    is_at_least,
    is_not_set,
    is_one_of,
    is_set,
    is_true,
    shown,
    wants,
)
from policy.control_plane import runs_control_plane
from policy.public_subnets import public_subnets
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

MACHINES = frozenset({INSTANCE, LAUNCH_TEMPLATE})

CREDENTIALS = {
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "an AWS secret key": re.compile(r"aws_secret_access_key\s*[=:]\s*['\"]?[A-Za-z0-9/+]{40}", re.IGNORECASE),
    "a password": re.compile(r"(?i)\b\w*(password|passwd|secret)\s*=\s*['\"]?[^\s'\"$({<%]{8,}"),
    "a token": re.compile(r"\b(ghp_[A-Za-z0-9]{36}|github_pat_\w{22,}|xox[abp]-[A-Za-z0-9-]{10,})\b"),
}

ROOT_DISK = "rootBlockDevice"

_COMPUTE_ROOM = "infra/components/aws/compute.py"
_NODE_ROOM = "infra/components/aws/node.py"


def _plain_disks(resource: Resource) -> Iterator[str]:
    for device in each(resource.props, "blockDeviceMappings"):
        if not is_true(at(device, "ebs.encrypted")):
            yield f"{device.get('deviceName')}: encrypted is {shown(at(device, 'ebs.encrypted'))}"
    if resource.type == LAUNCH_TEMPLATE and not each(resource.props, "blockDeviceMappings"):
        yield "its disks are those of the image, encrypted or not"
    for path in (ROOT_DISK, *(f"ebsBlockDevices.{n}" for n in range(len(each(resource.props, "ebsBlockDevices"))))):
        if resource.type == INSTANCE and not is_true(at(resource.props, f"{path}.encrypted")):
            yield f"{path}.encrypted is {shown(at(resource.props, f'{path}.encrypted'))}"


def _terminable(resource: Resource) -> Iterator[str]:
    if runs_control_plane(resource):
        yield from wants("disableApiTermination", is_true)(resource)


def _has_address(resource: Resource) -> Iterator[str]:
    if is_true(resource.props.get("associatePublicIpAddress")):
        yield "associatePublicIpAddress is true"
    for interface in each(resource.props, "networkInterfaces"):
        if is_true(interface.get("associatePublicIpAddress")):
            yield "a network interface has associatePublicIpAddress"


def _in_the_open(stack: Stack) -> Iterator[tuple[Resource, str]]:
    public = public_subnets(stack)
    paths = {INSTANCE: "subnetId", AUTO_SCALING_GROUP: "vpcZoneIdentifiers"}
    for machine in stack.of(*paths):
        exposed = [public[subnet] for subnet in each(machine.props, paths[machine.type]) if subnet in public]
        if exposed:
            yield machine, f"{', '.join(exposed)}: public, with a route to the internet gateway"


def _leaks(resource: Resource) -> Iterator[str]:
    """Never says the credential itself."""
    for where, text in _texts(resource):
        for what, pattern in CREDENTIALS.items():
            if pattern.search(text):
                yield f"{where} holds {what}"


def _texts(resource: Resource) -> Iterator[tuple[str, str]]:
    props = resource.props
    for key in ("userData", "userDataBase64"):
        if props.get(key):
            yield key, _decoded(str(props[key]))
    if resource.type == DOCUMENT:
        yield "content", str(props.get("content") or "")
    if resource.type == PARAMETER and props.get("type") != "SecureString":
        for key in ("value", "insecureValue"):
            yield key, str(props.get(key) or "")


def _decoded(text: str) -> str:
    """User data is base64 text of a script, packed or not; a plain one stays as it is."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text
    try:
        return (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode(errors="replace")
    except (OSError, EOFError):
        return text


def _agent_unrecorded(resource: Resource) -> Iterator[str]:
    """The setting's line is what says so."""
    for _, text in _texts(resource):
        if "install_codedeploy_agent" in text and "readonly CODEDEPLOY_AGENT_SHA256=''" in text:
            yield "no checksum of the agent is recorded: no new instance will install one, nor take a release"


def _in_one_zone(resource: Resource) -> Iterator[str]:
    count = len(each(resource.props, "vpcZoneIdentifiers"))
    if count == 1:
        yield "it is in one subnet"


def _asks_ec2(resource: Resource) -> Iterator[str]:
    if each(resource.props, "targetGroupArns"):
        yield from wants("healthCheckType", is_one_of("ELB"))(resource)


def _no_way_back(resource: Resource) -> Iterator[str]:
    if not is_true(at(resource.props, "autoRollbackConfiguration.enabled")):
        yield "autoRollbackConfiguration.enabled is not true"
    events = each(resource.props, "autoRollbackConfiguration.events")
    missing = [event for event in ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM") if event not in events]
    if missing:
        yield f"it does not go back on {', '.join(missing)}"


def _unwatched(resource: Resource) -> Iterator[str]:
    if not is_true(at(resource.props, "alarmConfiguration.enabled")) or not each(
        resource.props, "alarmConfiguration.alarms"
    ):
        yield "no alarm stops a deployment"


MOVING_VERSIONS = ("$Latest", "$Default")
"""With these, or an image named by a parameter, RollbackInstanceRefresh is not supported (its API reference, read 2026-11-28)."""

CLUSTER_AUTOSCALER = "k8s.io/cluster-autoscaler/enabled"
"""The tag of a group whose machines are a cluster's nodes: a refresh would not wait for their pods to move."""


def _cannot_go_back(resource: Resource) -> Iterator[str]:
    if CLUSTER_AUTOSCALER in {str(tag.get("key")) for tag in each(resource.props, "tags")}:
        if at(resource.props, "instanceRefresh") is not None:
            yield "instanceRefresh is set: it would not wait for pods to move"
        return
    yield from wants("instanceRefresh.preferences.autoRollback", is_true)(resource)
    yield from wants("instanceRefresh.preferences.minHealthyPercentage", is_at_least(50))(resource)


RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="ec2-imdsv2",
        title="Machines answer metadata requests with a token only (IMDSv2)",
        controls=("AWS FSBP EC2.8", "AWS FSBP EC2.170", "CIS AWS 3.0 5.6"),
        severity=Severity.HIGH,
        remedy=f"{_COMPUTE_ROOM}, {_NODE_ROOM}: http_tokens=required",
        types=MACHINES,
        check=wants("metadataOptions.httpTokens", is_one_of("required")),
    ),
    ResourceRule(
        name="ec2-metadata-hop",
        title="Machines' metadata, and so their role, does not reach into containers",
        controls=("AWS Well-Architected SEC03-BP02 Grant least privilege access",),
        severity=Severity.MEDIUM,
        remedy=f"{_COMPUTE_ROOM}, {_NODE_ROOM}: http_put_response_hop_limit=1",
        types=MACHINES,
        check=wants("metadataOptions.httpPutResponseHopLimit", is_one_of(1)),
    ),
    ResourceRule(
        name="ec2-disks-encrypted",
        title="Machines' disks are encrypted",
        controls=("AWS FSBP EC2.3", "AWS FSBP EC2.181"),
        severity=Severity.HIGH,
        remedy=f"{_COMPUTE_ROOM}, {_NODE_ROOM}: encrypted=True for every disk",
        types=MACHINES,
        check=_plain_disks,
    ),
    ResourceRule(
        name="ec2-termination-protection",
        title="A control plane's machine, with the cluster's state on its disk, cannot be terminated by mistake",
        controls=("AWS Well-Architected SEC08-BP04 Enforce access control",),
        severity=Severity.HIGH,
        remedy=f"{_NODE_ROOM}: disable_api_termination, which NodeArgs.protect brings",
        types=frozenset({INSTANCE}),
        check=_terminable,
    ),
    ResourceRule(
        name="ec2-no-public-address",
        title="Machines have no public address",
        controls=("AWS FSBP EC2.9", "AWS FSBP EC2.25"),
        severity=Severity.HIGH,
        remedy="leave out associate_public_ip_address: traffic comes through the load balancer, people through Session Manager",
        types=MACHINES,
        check=_has_address,
    ),
    StackRule(
        name="ec2-private-subnets",
        title="Machines are in subnets without a route to the internet gateway",
        controls=("AWS Well-Architected SEC05-BP01 Create network layers",),
        severity=Severity.HIGH,
        remedy="give machines the network's private subnets",
        check=_in_the_open,
    ),
    ResourceRule(
        name="ec2-no-ssh-key",
        title="Machines know no SSH key",
        controls=("AWS Well-Architected SEC06-BP03 Reduce manual management and interactive access",),
        severity=Severity.MEDIUM,
        remedy="leave out key_name: people come in through Session Manager",
        types=MACHINES,
        check=wants("keyName", is_not_set),
    ),
    ResourceRule(
        name="ec2-managed",
        title="Machines have a role, so that Systems Manager reaches them",
        controls=("AWS FSBP SSM.1",),
        severity=Severity.MEDIUM,
        remedy=f"{_COMPUTE_ROOM}, {_NODE_ROOM}: iam_instance_profile",
        types=MACHINES,
        check=wants("iamInstanceProfile", is_set),
    ),
    ResourceRule(
        name="no-plain-credentials",
        title="User data, documents and plain parameters hold no credentials",
        controls=("AWS Well-Architected SEC02-BP03 Store and use secrets securely",),
        severity=Severity.CRITICAL,
        remedy="put it into an SSM SecureString (infra/components/aws/parameters.py) and read it on the machine; then rotate it",
        types=MACHINES | {DOCUMENT, PARAMETER},
        check=_leaks,
    ),
    ResourceRule(
        name="asg-launch-template",
        title="Auto Scaling groups launch from a template",
        controls=("AWS FSBP AutoScaling.9",),
        severity=Severity.MEDIUM,
        remedy=f"{_COMPUTE_ROOM}: launch_template with an id and a version",
        types=frozenset({AUTO_SCALING_GROUP}),
        check=wants("launchTemplate", is_set),
    ),
    ResourceRule(
        name="asg-elb-health",
        title="Auto Scaling groups behind a load balancer replace what the load balancer finds unhealthy",
        controls=("AWS FSBP AutoScaling.1",),
        severity=Severity.LOW,
        remedy=f"{_COMPUTE_ROOM}: health_check_type=ELB",
        types=frozenset({AUTO_SCALING_GROUP}),
        check=_asks_ec2,
    ),
    ResourceRule(
        name="asg-zones",
        title="Auto Scaling groups are in two zones or more",
        controls=("AWS FSBP AutoScaling.2",),
        severity=Severity.MEDIUM,
        remedy="give the Fleet all of the network's private subnets",
        types=frozenset({AUTO_SCALING_GROUP}),
        check=_in_one_zone,
    ),
    ResourceRule(
        name="asg-rollback",
        title="An instance refresh that fails goes back, and leaves half of the machines in service; a cluster's nodes have none",
        controls=("AWS Well-Architected OPS06-BP04 Automate testing and rollback",),
        severity=Severity.MEDIUM,
        remedy=f"{_COMPUTE_ROOM}: instance_refresh with auto_rollback and min_healthy_percentage of 50 or more",
        types=frozenset({AUTO_SCALING_GROUP}),
        check=_cannot_go_back,
    ),
    ResourceRule(
        name="asg-version-named",
        title="Auto Scaling groups name the version of their template: AWS rolls back no refresh to $Latest or $Default",
        controls=("AWS Well-Architected OPS06-BP04 Automate testing and rollback",),
        severity=Severity.MEDIUM,
        remedy=f"{_COMPUTE_ROOM}: launch_template's version is the template's latest_version, a number",
        types=frozenset({AUTO_SCALING_GROUP}),
        check=wants("launchTemplate.version", lambda version: version not in (None, *MOVING_VERSIONS)),
    ),
    ResourceRule(
        name="asg-image-resolved",
        title="Launch templates name their image itself: AWS rolls back no refresh of one that names a parameter",
        controls=("AWS Well-Architected OPS06-BP04 Automate testing and rollback",),
        severity=Severity.MEDIUM,
        remedy="infra/components/aws/images.py: machine_image looks it up at each update",
        types=frozenset({LAUNCH_TEMPLATE}),
        check=wants("imageId", lambda image: not str(image).startswith("resolve:")),
    ),
    ResourceRule(
        name="codedeploy-agent-recorded",
        title="CodeDeploy's agent is installed by the checksum of its package",
        controls=("SLSA 1.0 threats: (G) Compromise package repo",),
        severity=Severity.HIGH,
        remedy="run `make agent` where AWS can be reached, look at what it prints, and run that: wealist.backend.codedeploy_agent",
        mandatory=False,
        types=frozenset({LAUNCH_TEMPLATE}),
        check=_agent_unrecorded,
    ),
    ResourceRule(
        name="codedeploy-rollback",
        title="A deployment that fails goes back by itself",
        controls=("AWS Well-Architected OPS06-BP04 Automate testing and rollback",),
        severity=Severity.MEDIUM,
        remedy="infra/components/aws/release.py: auto_rollback_configuration with both events",
        types=frozenset({DEPLOYMENT_GROUP}),
        check=_no_way_back,
    ),
    ResourceRule(
        name="codedeploy-alarms",
        title="An alarm stops a deployment",
        controls=("AWS Well-Architected OPS06-BP04 Automate testing and rollback",),
        severity=Severity.MEDIUM,
        remedy="infra/components/aws/release.py: alarm_configuration names the service's alarm",
        types=frozenset({DEPLOYMENT_GROUP}),
        check=_unwatched,
    ),
)
