#!/usr/bin/env python3
"""Refuses an environment that GitHub does not protect: `check_environment.py NAME reviewed|unreviewed`.

An environment that nobody made is made by the first job that names it, open to every branch. Who asks is GITHUB_TOKEN, whom
GITHUB_API_URL, about GITHUB_REPOSITORY; what is asked: "REST API endpoints for deployment environments" and "for branches".
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

MAIN = "main"


def main(name: str, reviewed: str) -> int:
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or reviewed not in {"reviewed", "unreviewed"}:
        print(
            f"'{name}' is no name of an environment, or '{reviewed}' neither reviewed nor unreviewed", file=sys.stderr
        )
        return 2
    found = list(problems(name, reviewed=reviewed == "reviewed"))
    for one in found:
        print(f"environment {name}: {one}", file=sys.stderr)
    if not found:
        print(f"environment {name} is protected")
    return 1 if found else 0


def problems(name: str, *, reviewed: bool) -> Iterator[str]:
    """What would let something else than reviewed main be deployed; docs/delivery.md says how an environment is set up."""
    environment = asked(f"environments/{name}")
    if environment is None:
        yield "there is none: the first job would make it, open to every branch"
        return
    yield from _other_branches(name, environment)
    if reviewed:
        yield from _unreviewed(environment)


def _other_branches(name: str, environment: dict[str, Any]) -> Iterator[str]:
    policy = environment.get("deployment_branch_policy") or {}
    if policy.get("custom_branch_policies"):
        listed = (asked(f"environments/{name}/deployment-branch-policies") or {}).get("branch_policies", [])
        allowed = sorted(str(one.get("name")) for one in listed)
        if allowed != [MAIN]:
            yield f"{', '.join(allowed) or 'nothing'} may be deployed: allowed: {MAIN} alone"
    elif not policy.get("protected_branches"):
        yield "every branch may be deployed: allowed: protected branches alone"
    elif not (asked(f"branches/{MAIN}") or {}).get("protected"):
        yield f"{MAIN} is not protected, and where no branch is, every branch may be deployed"


def _unreviewed(environment: dict[str, Any]) -> Iterator[str]:
    rules = [one for one in environment.get("protection_rules", []) if one.get("type") == "required_reviewers"]
    if not any(one.get("reviewers") for one in rules):
        yield "it asks no reviewer"
    elif not all(one.get("prevent_self_review") for one in rules):
        yield "whoever started the deployment may approve it"
    if environment.get("can_admins_bypass", True):
        yield "administrators may pass by its reviewers"


def asked(path: str) -> dict[str, Any] | None:
    """GitHub's answer about the repository; none where there is nothing. Anything else ends the job."""
    request = urllib.request.Request(  # noqa: S310  GitHub says where its API is
        f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/{path}",
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        sys.exit(f"GitHub answered {error.code} to {path}: nothing is deployed unseen")
    except (OSError, ValueError) as error:
        sys.exit(f"GitHub could not be asked about {path}: {error}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
