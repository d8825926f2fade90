"""IAM policy documents and roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.component import PlatformComponent
from infra.names import within_limit
from infra.tags import Tags, named

Text = pulumi.Input[str]
Condition = Mapping[str, Mapping[str, pulumi.Input[Any]]]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy. `principals` (`{"Service": …}`, `{"AWS": "*"}`) only in a trust or resource policy.

    `not_resources` only in a denial: of everything but these.
    """

    actions: Sequence[str]
    resources: Sequence[Text] = ()
    not_resources: Sequence[Text] = ()
    principals: Mapping[str, pulumi.Input[Any]] | None = None
    condition: Condition = field(default_factory=dict)
    effect: str = "Allow"
    sid: str | None = None

    def render(self) -> dict[str, Any]:
        rendered = {
            "Sid": self.sid,
            "Effect": self.effect,
            "Principal": self.principals,
            "Action": list(self.actions),
            # One alone is written as AWS gives it back.
            "Resource": self.resources[0] if len(self.resources) == 1 else list(self.resources),
            "NotResource": list(self.not_resources),
            "Condition": dict(self.condition),
        }
        return {key: value for key, value in rendered.items() if value}


def policy_document(*statements: Statement) -> pulumi.Output[str]:
    """The statements as a policy's JSON."""
    document = {"Version": "2012-10-17", "Statement": [statement.render() for statement in statements]}
    return pulumi.Output.json_dumps(document)


def trust_service(service: str, *, account: str) -> pulumi.Output[str]:
    """A trust policy for an AWS service acting for this account alone (no confused deputy).

    EC2 sends no source account when an instance profile is assumed, so it gets none.
    """
    condition = {} if service.startswith("ec2.") else {"StringEquals": {"aws:SourceAccount": account}}
    return policy_document(
        Statement(actions=["sts:AssumeRole"], principals={"Service": service}, condition=condition),
    )


@dataclass(frozen=True, kw_only=True)
class RoleArgs:
    """The role is `<prefix>-<label>`; `policies` are its own, by their label; `managed` are ARNs of AWS's.

    `shared` are ARNs of policies made elsewhere, by a label. Whatever they say, the role may do nothing beyond its `boundary`.
    """

    prefix: str
    label: str
    description: str
    trust: pulumi.Input[str]
    policies: Mapping[str, Sequence[Statement]]
    tags: Tags
    managed: Sequence[str] = ()
    boundary: Text | None = None
    shared: Mapping[str, Text] = field(default_factory=dict)


class Role(PlatformComponent):
    """A role with its policies attached; its outputs are known only once they are: AWS services try them out at once.

    Resources: Role, a Policy and a RolePolicyAttachment per policy, a RolePolicyAttachment per managed or shared policy.
    """

    pulumi_type: ClassVar[str] = "platform:aws:Role"
    arn: pulumi.Output[str]
    role_name: pulumi.Output[str]

    def __init__(self, name: str, args: RoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        role_name = within_limit(f"{args.prefix}-{args.label}", "role")
        role = aws.iam.Role(
            name,
            name=role_name,
            description=args.description,
            assume_role_policy=args.trust,
            permissions_boundary=args.boundary,
            tags=named(args.tags, role_name),
            opts=self.child,
        )
        attachable: dict[str, Text] = {arn.rsplit("/", 1)[-1]: arn for arn in args.managed}
        attachable |= args.shared
        attachable |= _policies(name, args, self.child)
        attached = [
            aws.iam.RolePolicyAttachment(f"{name}-{label}", role=role.name, policy_arn=arn, opts=self.child).id
            for label, arn in attachable.items()
        ]
        self.arn = pulumi.Output.all(role.arn, *attached).apply(lambda known: str(known[0]))
        self.role_name = pulumi.Output.all(role.name, *attached).apply(lambda known: str(known[0]))
        self.register_outputs({"arn": self.arn, "role_name": self.role_name})


@dataclass(frozen=True, kw_only=True)
class PoliciesArgs:
    """Policies `<prefix>-<label>` that several roles have in common, by their label."""

    prefix: str
    policies: Mapping[str, Sequence[Statement]]
    tags: Tags


class Policies(PlatformComponent):
    """Policies for roles to share. Resources: a Policy each."""

    pulumi_type: ClassVar[str] = "platform:aws:Policies"
    arns: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: PoliciesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self.arns = _policies(name, args, self.child)
        self.register_outputs({"arns": self.arns})


def _policies(name: str, args: RoleArgs | PoliciesArgs, opts: pulumi.ResourceOptions) -> dict[str, pulumi.Output[str]]:
    """The policies `<prefix>-<label>`; their ARNs, by their labels."""
    return {
        label: aws.iam.Policy(
            f"{name}-{label}",
            name=within_limit(f"{args.prefix}-{label}", "policy"),
            policy=policy_document(*statements),
            tags=named(args.tags, f"{args.prefix}-{label}"),
            opts=opts,
        ).arn
        for label, statements in args.policies.items()
    }
