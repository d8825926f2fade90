"""The `delivery` section: the repository whose workflows bring changes to the account, and where the stack's state is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from infra.settings.model import Repository, Section


class Delivery(Section):
    """How a change reaches the stack: by this repository's workflows (docs/delivery.md). Not one of the documents."""

    repository: Repository
    """This project's repository, spelled as in GitHub's subjects: its workflows alone may assume the stack's delivery roles."""
    former_repository: Repository | None = None
    """Its other spelling, trusted beside the first while a rename, or GitHub's change to subjects with ids, is under way."""
    state_bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    """The bucket of Pulumi's state (`pulumi login s3://<this>`). It is made by hand: the state of all stacks is in it."""
    secrets_key: Annotated[str, Field(pattern=r"^alias/[A-Za-z0-9/_-]+$")]
    """The alias of the KMS key that encrypts the stack's secrets (`--secrets-provider awskms://<this>`), made by hand."""
