"""Eco2's part of AWS alone, standing in an embedded cloud of its own: what the tests of that part look at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pulumi
from moto.s3.models import s3_backends

from infra.components.aws.foundation import open_zone
from infra.settings import load_settings
from infra.systems.eco2.alarms import build_alarms
from infra.systems.eco2.context import make_context
from infra.systems.eco2.edge import build_edge
from infra.systems.eco2.identity import build_identity
from infra.systems.eco2.network import build_network
from infra.systems.eco2.nodes import build_nodes, node_table
from infra.systems.eco2.storage import build_storage
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.recording import Recording, Registered
from tests.stacks import ACCOUNT, REGION, changed_stack


def program() -> None:
    """What the system does in AWS, without its Kubernetes objects."""
    settings = load_settings()
    assert settings.eco2
    context = make_context(settings, settings.eco2)
    foundation = build_network(context)
    zone = open_zone(context, context.settings.domain)
    identity = build_identity(context, foundation, zone)
    storage = build_storage(context, settings, foundation, identity)
    machines = build_nodes(context, foundation, storage)
    entrance = build_edge(context, foundation, zone, machines)
    build_alarms(context, foundation, machines, entrance)
    pulumi.export("nodes", node_table(context))


@contextmanager
def account_up(folder: Path, **changes: Any) -> Iterator[Recording]:
    """The prod stack's eco2 with settings of its section changed; boto3 sees it while the block runs."""
    settings = {"eco2.tenant_workers": ..., **{f"eco2.{key}": value for key, value in changes.items()}}
    stack = changed_stack(folder, "prod", {"platform.systems": ["eco2"], **settings})
    with open_cloud(region=REGION, account=ACCOUNT, manifests=folder) as cloud:
        yield run(program, stack, cloud)


def stored(bucket: str, key: str) -> bytes:
    """What lies in the bucket. boto3 may not read it: moto takes "nothing without TLS" for "nothing"."""
    found = s3_backends[ACCOUNT]["aws"].get_object(f"eco2-example-{bucket}", key)
    assert found
    content: bytes = found.value
    return content


def tagged(recording: Recording, type_: str, name: str) -> Registered:
    (found,) = [one for one in recording.of(type_) if one.get("tags.Name") == name]
    return found


def statements(recording: Recording, policy: str) -> list[dict[str, Any]]:
    """The statements of the policy of that name (without its prefix), each action, resource and so on as a list."""
    (found,) = [one for one in recording.of("Policy") if one["name"] == f"eco2-prod-{policy}"]
    read = json.loads(found["policy"])["Statement"]
    return [
        {**one, "Resource": one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]} for one in read
    ]


def policies_of(recording: Recording, role: str) -> set[str]:
    """The names, without their prefix, of the policies attached to the role of that name."""
    attached = [one for one in recording.of("RolePolicyAttachment") if one["role"] == f"eco2-prod-{role}"]
    return {one["policyArn"].rpartition("/")[2].removeprefix("eco2-prod-") for one in attached}
