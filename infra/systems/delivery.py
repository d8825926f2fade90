"""Delivery: the roles with which this repository's own workflows look at the stack and change it.

No document asks for it: it is how the platform itself travels (docs/delivery.md). Everything is named after the stack, and so
are the repository's environments: a workflow's job in the environment `prod` can be the deploy role of prod, and nothing else can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pulumi

from infra.components.aws.federation import github_provider_arn, trust_github
from infra.components.aws.iam import Policies, PoliciesArgs, Role, RoleArgs, Statement
from infra.exports import SystemOutputs
from infra.names import Names
from infra.settings import Settings
from infra.systems import delivery_access as access
from infra.tags import Tags, base_tags

MAIN = "ref:refs/heads/main"
"""The subject of a workflow on the main branch that is in no environment."""

AUDIT = ("arn:aws:iam::aws:policy/SecurityAudit", "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess")
"""How everything is configured, and no content of it: what a provider reads of what it just made is written down by nobody, and a
reading that is refused would leave an update half done."""


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """A role by what it is for: whose workflows it trusts (a subject without the repository) and what they may do."""

    label: str
    description: str
    subjects: Sequence[str]
    policies: Mapping[str, Sequence[Statement]]
    managed: Sequence[str] = ()


def with_boundary(settings: Settings) -> Settings:
    """Make the boundary of the other systems' roles: the settings with its ARN. A stack that nobody delivers has none."""
    if settings.delivery is None:
        return settings
    names = _names(settings)
    made = Policies(
        names.logical("boundary"),
        PoliciesArgs(
            prefix=names.prefix,
            policies={"boundary": access.boundary(access.reach_of(settings))},
            tags=_tags(settings),
        ),
    )
    return replace(settings, role_boundary=made.arns["boundary"])


def build(settings: Settings) -> SystemOutputs:
    """Make the workflows' roles; the outputs are their ARNs."""
    if settings.delivery is None or settings.role_boundary is None:
        raise ValueError("the settings have no section 'delivery', or no boundary was made")
    names = _names(settings)
    spellings = [one for one in (settings.delivery.repository, settings.delivery.former_repository) if one]
    provider = github_provider_arn(settings.platform.account)
    roles = {
        purpose.label: Role(
            names.logical(f"{purpose.label}-role"),
            RoleArgs(
                prefix=names.prefix,
                label=purpose.label,
                description=purpose.description,
                trust=trust_github(
                    provider, [f"repo:{one}:{subject}" for one in spellings for subject in purpose.subjects]
                ),
                policies={f"{purpose.label}-{label}": what for label, what in purpose.policies.items()},
                managed=purpose.managed,
                tags=_tags(settings),
            ),
        )
        for purpose in purposes(settings.stack, access.reach_of(settings), settings.role_boundary)
    }
    return {
        "role_arns": {label: role.arn for label, role in roles.items()},
        "role_boundary_arn": settings.role_boundary,
    }


def _names(settings: Settings) -> Names:
    return Names(system="delivery", stack=settings.stack)


def _tags(settings: Settings) -> Tags:
    return base_tags(system="delivery", stack=settings.stack, extra=settings.platform.tags)


def purposes(stack: str, reach: access.Reach, role_boundary: pulumi.Input[str]) -> tuple[Purpose, ...]:
    """Every role. What a pull request changes runs as `preview` before anybody has merged it: it sees the least."""
    images = Purpose(
        label="images",
        description="Pushes the images of the platform's own services",
        subjects=[f"environment:{stack}-images"],
        policies={"push": access.push_images(reach)},
    )
    return (
        Purpose(
            label="preview",
            description="Previews a change of the stack",
            subjects=[f"environment:{stack}-preview", MAIN],
            policies={"state": access.read_state(reach), "nothing-else": access.no_contents(reach)},
        ),
        Purpose(
            label="drift",
            description="Compares the stack with what stands in the account",
            subjects=[MAIN],
            policies={
                "state": access.read_state(reach),
                "list": access.list_all(reach),
                "look": access.look(reach),
                "look-further": access.look_further(reach),
                "nothing-else": access.no_contents(reach),
            },
        ),
        Purpose(
            label="deploy",
            description="Changes the stack",
            subjects=[f"environment:{stack}"],
            policies={"state": access.write_state(reach), **access.change_the_stack(reach, role_boundary)},
            managed=AUDIT,
        ),
        *([images] if reach.repositories else []),
    )
