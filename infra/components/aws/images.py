"""The images that machines start from."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws


def machine_image(parameter: str, pinned: str | None = None) -> pulumi.Input[str]:
    """The AMI's id that AWS's public SSM parameter has at this update; a `pinned` one stays.

    Where a new image replaces machines, the update after its release does it.
    """
    if pinned:
        return pinned
    # Nothing of it is secret; `value` would be marked so.
    return aws.ssm.get_parameter_output(name=parameter).insecure_value
