"""Texts in a row, as `pulumi.Output.concat`, which does not bear an update with `--target`."""

from __future__ import annotations

import pulumi


def joined(*parts: pulumi.Input[str]) -> pulumi.Output[str]:
    """The parts in a row. What such an update leaves out has no outputs: then nothing, and the engine skips who asks for it."""
    return pulumi.Output.all(*parts).apply(
        lambda known: "".join(known) if all(part is not None for part in known) else ""
    )
