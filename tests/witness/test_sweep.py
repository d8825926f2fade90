"""One entry of a table taken out, or one character of it changed: the test that holds the table to its witness notices, at each.

The files in rehearsal/aws/tables/ and policy/instance_types.json are not among them: they are compared with their packages' texts
whole, character by character (test_cdk.py, tests/unit/test_capacity.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from infra.names import LIMITS
from rehearsal.aws.schemas import FORMS, VALUES
from rehearsal.preview.replacement import FIXED, FIXED_OBJECTS
from tests.witness import test_cdk as cdk
from tests.witness import test_forms as forms
from tests.witness import test_names as names
from tests.witness import test_replacement as replacement
from tests.witness import test_values as values
from tests.witness.cdk import managed_cloudfront_policies


def notices(check: Callable[..., None], *arguments: object) -> bool:
    try:
        check(*arguments)
    except (AssertionError, KeyError):
        return True
    return False


@pytest.mark.parametrize("kind", LIMITS)
def test_a_names_limit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check = names.test_a_buckets_limit_is_what_its_schema_says
    arguments = ()
    if kind != "bucket":
        check, arguments = names.test_a_names_limit_is_what_the_services_model_says, (kind,)  # type: ignore[assignment]
    assert not notices(check, *arguments)
    for wrong in (LIMITS[kind] - 1, LIMITS[kind] + 1):
        with monkeypatch.context() as spoiled:
            spoiled.setitem(LIMITS, kind, wrong)
            assert notices(check, *arguments)
    monkeypatch.delitem(LIMITS, kind)
    assert notices(names.test_each_limit_has_a_witness)


@pytest.mark.parametrize(("token", "path"), [(token, path) for token, paths in VALUES.items() for path in paths])
def test_a_list_of_values(token: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = VALUES[token][path]
    check = values.test_a_list_is_what_the_witness_says
    assert not notices(check, token, path)
    for value in listed:
        for wrong in ([], [f"{value[:-1]}~"]):
            with monkeypatch.context() as spoiled:
                spoiled.setitem(VALUES[token], path, (*(one for one in listed if one != value), *wrong))
                assert notices(check, token, path), value
    monkeypatch.delitem(VALUES[token], path)
    assert notices(values.test_each_list_has_a_witness)


@pytest.mark.parametrize(("token", "path"), [(token, path) for token, paths in FORMS.items() for path in paths])
def test_a_form(token: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not notices(forms.test_each_form_has_a_witness)
    monkeypatch.delitem(FORMS[token], path)
    assert notices(forms.test_each_form_has_a_witness)


@pytest.mark.verify
@pytest.mark.parametrize("name", ["CACHING_OPTIMIZED", "SECURITY_HEADERS"])
def test_a_policy_of_cloudfronts_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    managed = managed_cloudfront_policies()
    monkeypatch.setattr(cdk, "managed_cloudfront_policies", lambda: managed)
    check = cdk.test_cloudfronts_own_policies_have_the_ids_that_the_components_use
    assert not notices(check)
    right = cast("str", getattr(cdk, name))
    for at, character in enumerate(right):
        with monkeypatch.context() as spoiled:
            spoiled.setattr(cdk, name, right[:at] + ("0" if character != "0" else "1") + right[at + 1 :])
            assert notices(check), at


@pytest.mark.verify
@pytest.mark.parametrize("token", sorted(replacement.AWS))
def test_what_only_a_replacement_changes(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row, check = FIXED[token], replacement.test_a_row_is_what_the_source_says
    assert not notices(check, token)
    when = dict(row.when or {})
    changed = {path: replace(row, paths=row.paths - {path}) for path in row.paths}
    changed |= {f"when {key}": replace(row, when={one: when[one] for one in when if one != key}) for key in when}
    for what, instead in changed.items():
        with monkeypatch.context() as spoiled:
            spoiled.setitem(replacement.AWS, token, instead)
            assert notices(check, token), what
    monkeypatch.delitem(cast("dict[str, Any]", FIXED), token)
    assert notices(replacement.test_every_type_of_the_embedded_cloud_has_a_row)


@pytest.mark.verify
@pytest.mark.parametrize(("group", "kind"), FIXED_OBJECTS)
def test_what_only_replaces_an_object(group: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check = replacement.test_an_object_is_replaced_by_what_the_source_says
    assert not notices(check, group, kind)
    fields = FIXED_OBJECTS[group, kind].split()
    for field in fields if kind != "PersistentVolume" else ():  # of which only some kinds of volume are listed
        with monkeypatch.context() as spoiled:
            rest = " ".join(one for one in fields if one != field)
            spoiled.setitem(cast("dict[Any, str]", FIXED_OBJECTS), (group, kind), rest)
            assert notices(check, group, kind), field
