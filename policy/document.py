"""docs/policies.md, written from the rules: `python -m policy.document > docs/policies.md`."""

from __future__ import annotations

from collections.abc import Iterator

from policy.catalog import ALL_RULES, AREAS, Area
from policy.rules.model import Rule, StackRule

_HEAD = """# Policies

<!-- Written by `make docs`; edit the rules in policy/rules/ instead. -->

{rules} rules say how what we build must be; {mandatory} are mandatory, the others advise. Each stands for published controls,
and has a test that spoils one real resource of the stacks and sees it noticed. The same rules run in three ways:

| where | what happens |
|---|---|
| `make test` | both stacks have no finding that is not exempted, every rule notices its spoiled resource |
| `make up` | prints the findings, and ends with 3 when a mandatory rule is broken |
| `pulumi preview --policy-pack policy` | the engine stops on a mandatory finding |

That the engine finds what `make up` finds, `make verify` holds (`tests/rehearsal/test_engine_stacks.py`). `make preview`
shows the findings that a change brings, `make mutate` how many ways of spoiling the stacks the rules notice.

The engine has its Python host run the pack: `python -m pulumi.policy`, in the project's `.venv`. A value that is only known after
the update cannot be judged before it: the engine says so, once for each rule, and asks again during the update, before it makes
the resource. Why it is built like this: [ADR 14](adr/0014-policies.md).
"""

_TAIL = """
## Add a rule

1. Write it in the module of its area in `policy/rules/`, and into that module's `RULES`: a name, what must be (`title`), the
   controls that it stands for, a severity, and a remedy that names the setting or the component to change. A new module goes
   into `policy/catalog.py`.
   - A `ResourceRule` looks at one resource. It is asked before the resource is made: prefer it.
   - A `StackRule` looks at all of them, to find what is missing, or what two resources do together. It is asked at the end.
   - A rule reads inputs with `[]`, `.get()` and loops, and catches nothing: reading a value that is not known yet ends it,
     and that is how the runner learns of it. It yields a sentence for each thing that is wrong, and never a secret.
   - `policy/checks.py` has the usual checks (`wants("storageEncrypted", is_true)`); `policy/iam_documents.py` reads IAM's
     documents.
2. Give it a `Broken` line in `tests/policy/cases_*.py`: a real resource with one thing made bad.
3. `make docs`, then `make test ARGS=tests/policy`.

When it fires on a stack, the stack is at fault, the rule is too crude, or there is a reason to exempt: in this order.

## Exempt

In `policy/exemptions.yaml`. Both a reason and an end are asked for, and a pattern says which stacks, and some of the resource's
name. Which stacks: those of a tier (`platform.tier` in their files: `production` or `throwaway`), `any`, or the one of that name:

```yaml
- rule: s3-versioned
  resources: [any/wealist-site-bucket-versioning]
  reason: the site's files are made again from their commit by the pipeline
  expires: 2027-06-30
```

After its last day an exemption no longer exempts: `make up` and the engine stop again. One that exempts nothing any more is
reported, and fails `make test`, so that none waits for a resource to come back. Errors of the file all come out at once,
before anything is built.
"""


def render() -> str:
    """The whole page."""
    mandatory = sum(rule.mandatory for rule in ALL_RULES)
    head = _HEAD.format(rules=len(ALL_RULES), mandatory=mandatory)
    return "\n".join([head, *(line for area in AREAS for line in _table(area))]) + _TAIL


def _table(area: Area) -> Iterator[str]:
    yield f"## {area.title}\n"
    yield "| rule | what must be | stands for | severity | |"
    yield "|---|---|---|---|---|"
    for rule in area.rules:
        cells = (f"`{rule.name}`", rule.title, "; ".join(rule.controls), str(rule.severity), _kind(rule))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _kind(rule: Rule) -> str:
    kind = "mandatory" if rule.mandatory else "advice"
    return f"{kind}, over the stack" if isinstance(rule, StackRule) else kind


if __name__ == "__main__":
    print(render(), end="")
