"""Resources that exist already, taken over by the stack that builds the like (docs/runbooks/adopt-what-exists.md)."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pulumi

from infra.settings import Settings, SettingsError


@contextmanager
def adopting(settings: Settings) -> Iterator[None]:
    """While the block runs, each resource of AWS that `platform.adopt` names is imported by its id, and not created.

    `SettingsError` when a name is no resource's, or that of two. As long as the id is there, the engine replaces nothing of it.
    """
    if not settings.platform.adopt:
        yield
        return
    adoption = _Adoption(f"Pulumi.{settings.stack}.yaml", settings.platform.adopt)
    pulumi.runtime.register_stack_transformation(adoption.take)
    yield
    adoption.check()


class _Adoption:
    def __init__(self, file: str, ids: Mapping[str, str]) -> None:
        self._file, self._ids = file, ids
        self._seen: dict[str, str] = {}
        self._taken: dict[str, str] = {}

    def take(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """A stack's transformation: the resource with the id that it has already, if one is named."""
        package, _, kind = args.type_.rpartition(":")
        if not package.startswith("aws:"):
            return None
        whole = f"{kind}/{args.name}"
        self._seen.update({args.name: whole, whole: whole})
        key = whole if whole in self._ids else args.name
        if key not in self._ids:
            return None
        if other := self._taken.get(key):
            raise SettingsError(self._file, [f"platform.adopt.{key}: two have this name; say which: {other}, {whole}"])
        self._taken[key] = whole
        opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(import_=self._ids[key]))
        return pulumi.ResourceTransformationResult(args.props, opts)

    def check(self) -> None:
        if left := sorted(self._ids.keys() - self._taken.keys()):
            raise SettingsError(self._file, map(self._unknown, left))

    def _unknown(self, key: str) -> str:
        close = difflib.get_close_matches(key, sorted(self._seen), n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        return f"platform.adopt.{key}: this stack has no resource of AWS of that name{hint}"
