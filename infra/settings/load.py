"""Reads the Pulumi configuration into frozen models; all errors come out at once."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import BaseModel, ValidationError

from infra.names import TIGHTEST, Names, NameTooLong
from infra.settings import delivery, eco2, exchange, gateway_lab, immersiverse, wealist
from infra.settings.beside import shared
from infra.settings.kubeconfig import problem_with
from infra.settings.model import Platform
from infra.settings.report import SettingsError, problems

SYSTEMS: dict[str, type[BaseModel]] = {
    "wealist": wealist.Wealist,
    "eco2": eco2.Eco2,
    "exchange": exchange.Exchange,
    "gateway_lab": gateway_lab.GatewayLab,
    "immersiverse": immersiverse.Immersiverse,
    "delivery": delivery.Delivery,
}
SECTIONS: dict[str, type[BaseModel]] = {"platform": Platform, **SYSTEMS}
SECRETS: tuple[str, ...] = (
    *wealist.SECRETS,
    *eco2.SECRETS,
    *exchange.SECRETS,
    *gateway_lab.SECRETS,
    *immersiverse.SECRETS,
    eco2.KUBECONFIG,
)
"""Every secret that people set, for all systems."""

_STACK_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The stack's settings; a system's section is there when `platform.systems` names it.

    `role_boundary` is the ARN of the most that the systems' roles may do, in a stack that workflows deliver (docs/delivery.md).
    """

    stack: str
    region: str
    platform: Platform
    wealist: wealist.Wealist | None
    eco2: eco2.Eco2 | None
    exchange: exchange.Exchange | None
    gateway_lab: gateway_lab.GatewayLab | None
    immersiverse: immersiverse.Immersiverse | None
    delivery: delivery.Delivery | None
    role_boundary: pulumi.Input[str] | None = None

    def secret(self, key: str) -> pulumi.Output[str]:
        """The secret that people set under `key`; `load_settings` has seen to it that it is there."""
        return pulumi.Config().require_secret(key)


def load_settings() -> Settings:
    """The settings of the running stack; `SettingsError` lists everything that is wrong in its file."""
    stack = pulumi.get_stack()
    found: list[str] = [*_unknown_keys(), *_bad_name(stack)]
    platform = _section("platform", Platform, found)
    # With a bad platform section the systems are not known: what is there is checked all the same.
    given = [system for system in SYSTEMS if pulumi.Config().get(system) is not None]
    chosen = platform.systems if isinstance(platform, Platform) else given
    sections = {system: _section(system, SYSTEMS[system], found) for system in chosen}
    found += [*_no_room(stack, chosen), *_missing_secrets(chosen, sections), *_bad_kubeconfig(sections)]
    found += shared(stack, _as_written(chosen), pulumi.get_project(), Path(pulumi.runtime.get_root_directory() or ""))
    region = pulumi.Config("aws").get("region")
    if not region:
        found.append("aws:region: missing; add it, such as ap-northeast-2")
    if found or not isinstance(platform, Platform) or not region:
        raise SettingsError(f"Pulumi.{stack}.yaml", found)
    return Settings(stack=stack, region=region, platform=platform, **{**dict.fromkeys(SYSTEMS), **sections})


def _as_written(systems: Collection[str]) -> dict[str, Any]:
    """The sections of the platform and the systems as the file has them, whether they are right or not."""
    written = {}
    for key in ("platform", *systems):
        with suppress(json.JSONDecodeError):
            written[key] = json.loads(pulumi.Config().get(key) or "null")
    return written


def _bad_name(stack: str) -> Iterator[str]:
    if not _STACK_NAME.fullmatch(stack):
        yield f"the stack's name: {stack!r} — allowed: text of the form {_STACK_NAME.pattern} (names in AWS have it in them)"


def _no_room(stack: str, systems: Collection[str]) -> Iterator[str]:
    """Said of the name with the least room in each system, before anything is made."""
    for system, (kind, part) in TIGHTEST.items():
        if system not in systems:
            continue
        try:
            Names(system=system, stack=stack).physical(part, kind=kind)
        except NameTooLong as error:
            yield f"the stack's name: {error}"


def _bad_kubeconfig(sections: Mapping[str, Any]) -> Iterator[str]:
    text = runtime_config.get_config(f"{pulumi.get_project()}:{eco2.KUBECONFIG}")
    if _applies(sections) and text and (problem := problem_with(text)):
        yield (
            f"{eco2.KUBECONFIG}: {problem} (its text is not shown); "
            f"set it with `pulumi config set --secret {eco2.KUBECONFIG} < admin.conf`"
        )


def _applies(sections: Mapping[str, Any]) -> bool:
    section = sections.get("eco2")
    return isinstance(section, eco2.Eco2) and section.delivery == "apply"


def _section(key: str, model: type[BaseModel], found: list[str]) -> Any:
    """The section as its model, or `None` with its problems added to `found`."""
    text = pulumi.Config().get(key)
    if text is None:
        found.append(f"{key}: missing; add the section (see docs/config.md)")
        return None
    try:
        return model.model_validate(json.loads(text))
    except json.JSONDecodeError:
        found.append(f"{key}: {text!r} — allowed: a mapping of keys to values")
    except ValidationError as error:
        found += problems(key, model, error)
    return None


def _unknown_keys() -> list[str]:
    """Keys in the project's namespace that nothing reads: a misspelled section would otherwise be silently ignored."""
    project = pulumi.get_project()
    known = ["platform", *SYSTEMS, *SECRETS]
    everything = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    given = [key.removeprefix(f"{project}:") for key in everything if key.startswith(f"{project}:")]
    return [
        f"{key}: unknown key{_suggestion(key, known)} — allowed: {', '.join(known)}"
        for key in given
        if key not in known
    ]


def _suggestion(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _missing_secrets(systems: Sequence[str], sections: Mapping[str, Any]) -> list[str]:
    config = pulumi.Config()
    applied = _applies(sections)
    wanted = [key for key in SECRETS if key.split("-")[0] in systems and (applied or key != eco2.KUBECONFIG)]
    return [
        f"{key}: missing secret; set it with `pulumi config set --secret {key}`"
        for key in wanted
        if config.get_secret(key) is None
    ]
