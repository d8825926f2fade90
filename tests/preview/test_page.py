"""The comment: the dangers first, everything literal, never longer than GitHub takes."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from policy.catalog import ALL_RULES
from rehearsal.preview.comparison import compare
from rehearsal.preview.findings import exempted, findings_of
from rehearsal.preview.markdown import LIMIT, code, comment, whole
from rehearsal.preview.page import Page, Trouble, page_of
from rehearsal.preview.snapshot import EMPTY, Finding, Snapshot
from rehearsal.preview.terminal import print_preview
from rehearsal.preview.values import Sealed
from rehearsal.recording import Recording
from tests.policy.broken import changed
from tests.preview.changes import edited, find, renamed, together, with_

RDS = ("Instance", "wealist-database-instance")
RULE = ("SecurityGroupIngressRule", "wealist-security-rds-from-ec2-5432")
HOSTILE = "`` @everyone <img src=x onerror=alert(1)> [click](http://evil.example) <!-- --> ``` | **bold** </details> #1 \u202e"


def page(old: Snapshot, new: Snapshot, *notes: str) -> Page:
    return page_of("main", [compare("prod", old, new)], [], notes)


def rendered(markdown: str) -> Any:
    return MarkdownIt("commonmark").enable("table").parse(markdown)


def outside_code(markdown: str) -> str:
    """What is neither in a code span nor in a code block, as it would be shown."""
    said = []
    for token in rendered(markdown):
        for child in token.children or []:
            if child.type in ("text", "html_inline", "link_open"):
                said.append(child.content + str(child.attrs))
        if token.type == "html_block":
            said.append(token.content)
    return "\n".join(said)


def test_no_change_says_so(stack: Snapshot) -> None:
    text = comment(page(stack, stack), "`x`")
    assert "## Preview: no change" in text
    assert "| `prod` | 0 | 0 | 0 | 0 | 0 |" in text
    assert "###" not in text
    assert "<details>" not in text


def test_the_dangers_come_first(stack: Snapshot) -> None:
    new = together(
        edited(*RDS, {"deletionProtection": False}),
        edited(*RULE, {"referencedSecurityGroupId": ..., "cidrIpv4": "0.0.0.0/0"}),
    )
    text = comment(page(stack, new(stack)), "`x`")
    titles = re.findall(r"^### (.*) \(\d+\)$|<summary>(.*) \(\d+\)</summary>", text, re.MULTILINE)
    assert [one or other for one, other in titles] == [
        "In danger: Open to the world",
        "In danger: A protection is dropped",
        "prod: replaced",
        "prod: changed",
    ]
    assert "⚠️ 2 in danger" in text.split("\n")[0]
    assert text.count("Remedy: ") == 2


def test_the_same_danger_of_two_stacks_is_said_once(stack: Snapshot) -> None:
    new = edited(*RDS, {"deletionProtection": False})(stack)
    both = page_of("main", [compare(name, stack, new) for name in ("dev", "prod")], [], [])
    assert comment(both, "`x`").count("deletion protection of the database is switched off") == 1
    assert "- dev, prod: `wealist-database-instance`" in comment(both, "`x`")


@pytest.mark.parametrize("place", ["name", "value", "key", "list", "policy", "object"])
def test_a_hostile_text_is_shown_literally(stack: Snapshot, place: str) -> None:
    edit = {
        "name": lambda one: with_(
            one, replace(find(one, *RDS), name=HOSTILE, inputs={**find(one, *RDS).inputs, "engine": "x"})
        ),
        "value": edited(*RDS, {"storageEncrypted": HOSTILE, "backupWindow": f"{HOSTILE}\n{HOSTILE}"}),
        "key": lambda one: with_(one, replace(find(one, *RDS), inputs={**find(one, *RDS).inputs, HOSTILE: "x"})),
        "list": edited(*RDS, {"enabledCloudwatchLogsExports": [HOSTILE]}),
        "policy": edited(
            "RolePolicy",
            "wealist-network-flow-logs",
            {
                "policy": '{"Statement": [{"Effect": "Allow", "Action": ["'
                + HOSTILE.replace('"', "")
                + '"], "Resource": "*"}]}'
            },
        ),
        "object": edited(
            "AuthorizationPolicy",
            "eco2-mesh-ext-authz-authorizationpolicy",
            {
                "spec.rules.0.to.0.operation.notPaths": [HOSTILE, "```\n@all"],
                "metadata.labels": {"a": "```\n</details>"},
            },
        ),
    }[place]
    found = page(stack, edit(stack))
    for text in (comment(found, "`x`"), whole(found)):
        assert "evil.example" in text or "@all" in text
        shown = outside_code(text)
        for forbidden in ("evil", "@", "<img", "onerror", "**", "href", "</details>\n\n</details>"):
            assert forbidden not in shown, shown
        assert shown.count("<details>") == shown.count("</details>")
        assert "\u202e" not in text


@pytest.mark.parametrize("text", ["plain", "a`b", "`", "``` x ```", " ", "", "\n", "a|b", "x" * 1000])
def test_a_code_span_shows_its_text_and_nothing_but_it(text: str) -> None:
    (paragraph,) = [token for token in rendered(f"x {code(text)} y") if token.type == "inline"]
    kinds = [child.type for child in paragraph.children]
    assert kinds == ["text", "code_inline", "text"]


def test_a_secret_is_nowhere_in_the_page(prod: Recording, stack: Snapshot) -> None:
    new = edited("Parameter", "eco2-parameters-grafana-admin-password", {"value": Sealed("another")})(stack)
    texts = [whole(page(stack, new)), whole(page(EMPTY, stack)), whole(page(stack, EMPTY))]
    assert "`value` `[secret]` → `[secret]`" in texts[0]
    drawn = [str(one.outputs["result"]) for one in prod.of("RandomPassword")]
    for text in texts:
        assert "sealed" not in text
        assert not [secret for secret in drawn if secret in text]


@pytest.fixture(scope="module")
def everything(stack: Snapshot) -> Page:
    """Every resource is added, removed, and changed."""
    return page_of(
        "main",
        [
            compare("a", EMPTY, stack),
            compare("b", stack, EMPTY),
            compare(
                "c", stack, with_(stack, *(replace(one, inputs={**one.inputs, "n": one.name * 9}) for one in stack))
            ),
        ],
        [],
        [],
    )


@pytest.mark.parametrize("limit", [2_000, 10_000, LIMIT])
def test_the_comment_stays_within_its_limit_and_counts_what_is_left_out(everything: Page, limit: int) -> None:
    text = comment(everything, "`x`", limit)
    assert len(text.encode()) <= limit
    assert text.rstrip().endswith(
        "The whole preview, and each stack as it will be in pictures and tables (`report-<stack>.html`): `x`"
    )
    assert text.count("<details>") == text.count("</details>")
    entries, left = (
        len(re.findall(r"^- (?!…)", text, re.MULTILINE)),
        sum(map(int, re.findall(r"- … and (\d+) more", text))),
    )
    assert entries + left == sum(len(section.entries) for section in everything.sections)
    assert left


def test_the_whole_preview_leaves_nothing_out(everything: Page) -> None:
    assert len(whole(everything)) > LIMIT
    assert "in the whole preview" not in whole(everything)


def test_one_change_on_everything_is_said_once(stack: Snapshot) -> None:
    tagged = [one for one in stack if isinstance(one.inputs.get("tags"), dict)]
    new = with_(stack, *(replace(one, inputs=changed(one.inputs, {"tags.Team": "platform"})) for one in tagged))
    text = comment(page(stack, new), "`x`")
    assert "the same change on many resources (1)" in text
    assert f"`tags.Team` `–` → `platform` on {len(tagged)} resources" in text
    assert "prod: changed (" not in text
    assert len(text) < 2_000


def test_the_rest_of_a_resource_with_a_common_change_is_shown(stack: Snapshot) -> None:
    tagged = [one for one in stack if one.type.endswith(":Subnet")]
    new = with_(stack, *(replace(one, inputs=changed(one.inputs, {"tags.Team": "platform"})) for one in tagged))
    new = edited("Subnet", "eco2-network-private-a", {"assignIpv6AddressOnCreation": True})(new)
    text = comment(page(stack, new), "`x`")
    assert "`assignIpv6AddressOnCreation` `–` → `true`" in text
    assert text.count("`tags.Team`") == 1


def test_an_object_of_the_cluster_is_a_diff_of_its_yaml(stack: Snapshot) -> None:
    new = edited("Deployment", "eco2-workloads-ext-authz-deployment", {"spec.replicas": 7})(stack)
    text = comment(page(stack, new), "`x`")
    assert "```diff" in text
    assert re.search(r"^  -  replicas: \d+$", text, re.MULTILINE)
    assert "  +  replicas: 7" in text


def test_the_same_sides_give_the_same_bytes(stack: Snapshot) -> None:
    new = together(edited(*RDS, {"engine": "mysql"}), renamed("Zone", "eco2-dns-zone", to="eco2-zone"))(stack)
    shuffled = replace(new, resources=dict(reversed(list(new.resources.items()))))
    assert whole(page(stack, new)) == whole(page(stack, shuffled))


def test_a_stack_that_does_not_stand_is_named_with_the_cause() -> None:
    text = comment(
        page_of("main", [], [Trouble(stack="dev", message="It does not stand.\nwealist.network.cidr: too small")], []),
        "`x`",
    )
    assert "dev is not compared" in text
    assert "wealist.network.cidr: too small" in text
    assert "| `dev` | not compared |" in text


def test_a_new_finding_is_said_with_its_remedy_and_an_exempted_one_says_until_when(stack: Snapshot) -> None:
    (rule,) = [one for one in ALL_RULES if one.name == "rds-deletion-protection"]
    finding = Finding(
        rule=rule.name,
        resource="dev/wealist-database-instance",
        message="it is off",
        severity=rule.severity,
        mandatory=True,
        remedy=rule.remedy,
    )
    new = replace(stack, findings=(finding,))
    found = compare("dev", stack, new)
    text = comment(page_of("main", [found], [], []), "`x`")
    assert "New policy findings (1)" in text
    assert f"Rule `{rule.name}` (`{rule.severity}`, stops the deployment)" in text
    late, early = (exempted(found.findings, day)[0].exempt_until for day in (date(2999, 1, 1), date(2026, 11, 1)))
    assert late == ""
    assert early > "2026-11-01"
    assert compare("dev", new, stack).findings_gone == (finding,)


def test_the_policies_judge_a_recording(prod: Recording) -> None:
    found = list(findings_of(prod))
    assert {one.rule for one in found} <= {rule.name for rule in ALL_RULES}
    assert all(one.resource.startswith("prod/") and one.remedy for one in found)


def test_the_terminal_shows_the_dangers_and_takes_no_markup_from_values(stack: Snapshot) -> None:
    new = edited(*RDS, {"engine": "[bold]mysql[/]"})(stack)
    console = Console(width=200, record=True, file=io.StringIO())
    print_preview(console, page(stack, new, "a note"), "x.md")
    text = console.export_text()
    assert "In danger: Data would be lost (1)" in text
    assert "postgres → [bold]mysql[/] cannot be changed in place" in text
    assert "a note" in text
    assert "the whole preview: x.md" in text


def test_a_renamed_resource_keeps_its_findings(stack: Snapshot) -> None:
    finding = Finding(
        rule="x", resource="prod/wealist-database-instance", message="m", severity="high", mandatory=True, remedy="r"
    )
    old = replace(stack, findings=(finding,))
    for alias in (True, False):
        new = renamed(*RDS, to="wealist-orders", alias=alias)(stack)
        found = compare("prod", old, replace(new, findings=(replace(finding, resource="prod/wealist-orders"),)))
        assert (found.findings, found.findings_gone) == ((), ())


def test_what_goes_on_under_another_name_shows_only_what_is_different(stack: Snapshot) -> None:
    new = together(renamed(*RDS, to="wealist-orders"), edited("Instance", "wealist-orders", {"port": 5433}))(stack)
    text = comment(page(stack, new), "`x`")
    assert (
        "`wealist-orders` (`rds:Instance`), which was `wealist-database-instance`\n  - `port` `5432` → `5433`" in text
    )
    assert "allocatedStorage" not in text
