"""The base of every component."""

from __future__ import annotations

from typing import ClassVar

import pulumi


# Components look alike where they begin, and where they name a resource's properties: each says there what it is, for its reader.
class PlatformComponent(pulumi.ComponentResource):
    """A component of type `pulumi_type`, `platform:<area>:<Component>`; its resources take `self.child` as their options.

    Nothing of the caller's options is merged into the children: that would copy aliases and re-parent them.
    """

    pulumi_type: ClassVar[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(self.pulumi_type, name, None, opts)
        self.child = pulumi.ResourceOptions(parent=self)

    def guarded(self, protect: bool) -> pulumi.ResourceOptions:
        """The options of a child that holds data: Pulumi refuses to delete it while `protect` is on."""
        return pulumi.ResourceOptions(parent=self, protect=protect)
