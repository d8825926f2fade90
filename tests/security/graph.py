"""Roles, whom they trust, which secrets each reads and what each changes: by IAM's own rules over a recording."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policy.iam_documents import statements
from rehearsal.recording import Recording, Registered
from rehearsal.values import reveal
from tests.iam import Policies, policies_of
from tests.witness.iam_actions import Action, matching

ISSUERS = {"token.actions.githubusercontent.com": "GitHub"}
READS = frozenset({"List", "Read"})


@dataclass(frozen=True, kw_only=True)
class Role:
    """`name` and `trusted` without the stack's name; `secrets` are folders of parameters, or a database's password."""

    name: str
    trusted: tuple[str, ...]
    kind: str
    secrets: tuple[str, ...]
    changes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Held:
    """A Secret of the cluster: its parameters, and the workloads whose pods have it as files or variables."""

    name: str
    parameters: tuple[str, ...]
    workloads: tuple[str, ...]


def roles(stack: Recording, name: str) -> list[Role]:
    """Every role of the stack, by name."""
    found = [_role(stack, name, one) for one in stack.of("aws:iam/role:Role")]
    return sorted(found, key=lambda role: (role.kind, role.name))


def plain(text: str, name: str) -> str:
    """A name that is the same for every stack: `eco2-prod-node-api` is `eco2-<stack>-node-api`."""
    return re.sub(rf"(?<![a-z]){name}(?![a-z])", "<stack>", text)


def _role(stack: Recording, name: str, role: Registered) -> Role:
    (statement,) = json.loads(role["assumeRolePolicy"])["Statement"]
    kind, trusted = _trusted(statement)
    policies = policies_of(stack, role["name"])
    return Role(
        name=plain(role["name"], name),
        trusted=tuple(plain(one, name) for one in trusted),
        kind=kind,
        secrets=tuple(sorted({plain(one, name) for one in _secrets(stack, policies)})),
        changes=tuple(sorted(_changes(stack, role["name"]))),
    )


def _trusted(statement: Mapping[str, Any]) -> tuple[str, list[str]]:
    principal = statement["Principal"]
    if service := principal.get("Service"):
        return "AWS", [service]
    if role := principal.get("AWS"):
        return "AWS", [role.rpartition("/")[2]]
    issuer = principal["Federated"].partition(":oidc-provider/")[2]
    subjects = statement["Condition"]["StringEquals"][f"{issuer}:sub"]
    subjects = [subjects] if isinstance(subjects, str) else subjects
    if issuer in ISSUERS:
        return "GitHub", [one.removeprefix("repo:") for one in subjects]
    return "the cluster", [one.removeprefix("system:serviceaccount:").replace(":", "/") for one in subjects]


def _secrets(stack: Recording, policies: Policies) -> Iterator[str]:
    for one in stack.of("aws:ssm/parameter:Parameter"):
        if one["type"] == "SecureString" and _reads(stack, policies, one):
            yield f"{one['name'].rpartition('/')[0]}/"
    for one in stack.of("aws:rds/instance:Instance"):
        for secret in one.outputs.get("masterUserSecrets") or ():
            if policies.allow("secretsmanager:GetSecretValue", secret["secretArn"]):
                yield f"the master's password of {one['identifier']}"
    state = {one["kms:ResourceAliases"] for one in _aliases(policies)}
    for alias in sorted(state):
        yield f"what the state holds ({alias})"


def _reads(stack: Recording, policies: Policies, parameter: Registered) -> bool:
    arn = parameter.outputs["arn"]
    aliases = [
        one["name"] for one in stack.of("aws:kms/alias:Alias") if parameter["keyId"].endswith(one["targetKeyId"])
    ]
    region = arn.split(":")[3]
    context = {
        "kms:ViaService": f"ssm.{region}.amazonaws.com",
        "kms:EncryptionContext:PARAMETER_ARN": arn,
        "kms:ResourceAliases": aliases,
    }
    asked = any(policies.allow(f"ssm:{action}", arn) for action in ("GetParameter", "GetParameters"))
    return asked and policies.allow("kms:Decrypt", parameter["keyId"], context)


def _aliases(policies: Policies) -> Iterator[dict[str, str]]:
    """What a role decrypts by a key's alias without a service between: Pulumi's state."""
    for one in policies.statements:
        condition = one.get("Condition", {}).get("ForAnyValue:StringEquals", {})
        alias = condition.get("kms:ResourceAliases")
        if one["Effect"] == "Allow" and "kms:Decrypt" in one["Action"] and isinstance(alias, str):
            yield {"kms:ResourceAliases": alias}


def _changes(stack: Recording, role: str) -> set[str]:
    """The services in which it changes something, from its own policies."""
    documents = [one["policy"] for one in _policies(stack, role)]
    return {
        pattern.split(":")[0]
        for document in documents
        for one in statements(document)
        if one.allows
        for pattern in one.actions
        if any(_is_change(action) for action in _meant(pattern))
    }


def _is_change(action: Action) -> bool:
    return not action.access <= READS and action.name not in ("kms:Decrypt", "kms:GenerateDataKey")


def _meant(pattern: str) -> tuple[Action, ...]:
    try:
        return matching(pattern)
    except LookupError:
        return ()


def _policies(stack: Recording, role: str) -> list[Registered]:
    by_arn = {one.outputs["arn"]: one for one in stack.of("aws:iam/policy:Policy")}
    attached = [one["policyArn"] for one in stack.of("RolePolicyAttachment") if one["role"] == role]
    inline = [one for one in stack.of("aws:iam/rolePolicy:RolePolicy") if one["role"] == role]
    return [*(by_arn[arn] for arn in attached if arn in by_arn), *inline]


def held(stack: Recording, name: str) -> list[Held]:
    """The cluster's Secrets that are fetched, and whose they are."""
    objects = [reveal(one.inputs) for one in stack if one.custom and one.type.startswith("kubernetes:")]
    fetched = [one for one in objects if one["kind"] == "ExternalSecret"]
    return sorted((_held(one, objects, name) for one in fetched), key=lambda one: one.name)


def _held(secret: Mapping[str, Any], objects: list[Any], name: str) -> Held:
    target = secret["spec"]["target"]["name"]
    namespace = secret["metadata"]["namespace"]
    parameters = {one["remoteRef"]["key"] for one in secret["spec"].get("data", ())}
    users = {
        f"{one['kind']} {one['metadata']['name']}"
        for one in objects
        if one["metadata"].get("namespace") == namespace and _uses(one, target)
    }
    return Held(
        name=f"{namespace}/{target}",
        parameters=tuple(sorted(plain(one, name) for one in parameters)),
        workloads=tuple(sorted(users)),
    )


def _uses(manifest: Mapping[str, Any], secret: str) -> bool:
    spec = manifest.get("spec", {})
    template = spec.get("jobTemplate", {}).get("spec", spec).get("template", {})
    pod = template.get("spec", {}) if isinstance(template, Mapping) else {}
    volumes = json.dumps([*pod.get("volumes", ()), *pod.get("containers", ()), *pod.get("initContainers", ())])
    return f'"secretName": "{secret}"' in volumes or f'"secretKeyRef": {{"name": "{secret}"' in volumes
