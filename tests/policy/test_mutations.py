"""The mutation score: paths, flips and what counts as noticed; and that the real stacks keep theirs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from policy.catalog import ALL_RULES
from policy.exemptions import Exemption
from policy.mutation.catalog import MUTATIONS
from policy.mutation.floor import Floor, FloorError, drops, floors, load_floors, percent, save_floors
from policy.mutation.model import GONE, PROTECT, RESOURCE, Mutation, Unnoticed, spoil
from policy.mutation.paths import BadPath, parse, places, read, replaced, written
from policy.mutation.score import Score, Watch, flips, score
from policy.mutation.unnoticed import UNNOTICED
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule
from rehearsal import mutate
from rehearsal.judging import seen_by_rules
from rehearsal.recording import Recording

DATABASE, NETWORK, OTHER = "aws:rds/instance:Instance", "aws:ec2/vpc:Vpc", "aws:s3/bucket:Bucket"


def resource(type_: str = DATABASE, name: str = "app-database", protect: bool = True, **props: Any) -> Resource:
    urn = f"urn:pulumi:prod::project::{type_}::{name}"
    return Resource(urn=urn, type=type_, name=name, parent="", protect=protect, props=props)


def _unencrypted(one: Resource) -> Iterable[str]:
    if one.props.get("encrypted") is not True:
        yield f"encrypted is {one.props.get('encrypted')}"


def _without_network(stack: Stack) -> Iterable[tuple[Resource, str]]:
    for one in stack.of(DATABASE):
        if not stack.of(NETWORK):
            yield one, "there is no network"


ENCRYPTED = ResourceRule(
    name="encrypted",
    title="x",
    controls=("x",),
    severity=Severity.HIGH,
    remedy="x",
    types=frozenset({DATABASE}),
    check=_unencrypted,
)
NETWORKED = StackRule(
    name="networked", title="x", controls=("x",), severity=Severity.HIGH, remedy="x", check=_without_network
)
RULES: tuple[Rule, ...] = (ENCRYPTED, NETWORKED)
STACK = (resource(encrypted=True, public=False), resource(NETWORK, "app-vpc", cidr="10.0.0.0/16"))


def small_score(
    mutations: Sequence[Mutation],
    *,
    unnoticed: Sequence[Unnoticed] = (),
    exemptions: Sequence[Exemption] = (),
    rules: Sequence[Rule] = RULES,
) -> Score:
    return score([STACK], mutations=mutations, unnoticed=unnoticed, rules=rules, exemptions=exemptions)


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "steps"),
        [
            ("a", ("a",)),
            ("a.b[0].c", ("a", "b", 0, "c")),
            ('labels["a.b/c"].d', ("labels", "a.b/c", "d")),
            ("rules[*].name", ("rules", "[*]", "name")),
            ("hosts[+]", ("hosts", "[+]")),
            ('data["[*]"]', ("data", "[*]")),
        ],
    )
    def test_a_path_is_read_as_pulumi_writes_it(self, path: str, steps: tuple[str | int, ...]) -> None:
        assert parse(path) == steps

    @pytest.mark.parametrize("path", ["a[", "a[x]", "a..b", 'a["b]', "[*"])
    def test_what_is_no_path_is_refused(self, path: str) -> None:
        with pytest.raises(BadPath, match="is no property path"):
            parse(path)

    def test_every_item_of_a_list_and_every_key_of_a_mapping_is_a_place(self) -> None:
        value = {"rules": [{"to": 1}, {"to": 2}], "tags": {"a": 1, "b": 2}}
        assert [written(place) for place in places(value, parse("rules[*].to"))] == ["rules[0].to", "rules[1].to"]
        assert [written(place) for place in places(value, parse("tags[*]"))] == ["tags.a", "tags.b"]

    def test_what_is_missing_is_a_place_below_what_is_there(self) -> None:
        assert list(places({}, parse("a.b"))) == [("a", "b")]
        assert list(places({"a": []}, parse("a[0].b"))) == []
        assert list(places({}, parse("a[*].b"))) == []
        assert list(places({"a": "text"}, parse("a.b"))) == []

    def test_a_place_is_written_as_it_is_read(self) -> None:
        for path in ("a.b[0].c", 'labels["a.b/c"]', "rules[0]", "hosts[+]"):
            assert written(parse(path)) == path

    @pytest.mark.parametrize(
        ("path", "bad", "after"),
        [
            ("a", 2, {"a": 2, "b": [1, 2]}),
            ("b[1]", 3, {"a": 1, "b": [1, 3]}),
            ("b[0]", GONE, {"a": 1, "b": [2]}),
            ("b[+]", 3, {"a": 1, "b": [1, 2, 3]}),
            ("a", GONE, {"b": [1, 2]}),
            ("c.d", 1, {"a": 1, "b": [1, 2], "c": {"d": 1}}),
        ],
    )
    def test_one_place_is_changed_and_the_original_is_not(self, path: str, bad: Any, after: dict[str, Any]) -> None:
        before = {"a": 1, "b": [1, 2]}
        assert replaced(before, parse(path), bad) == after
        assert before == {"a": 1, "b": [1, 2]}

    def test_a_path_goes_on_into_a_json_document(self) -> None:
        value = {"policy": json.dumps({"Statement": [{"Effect": "Allow"}]})}
        assert read(value, parse("policy.Statement[0].Effect")) == "Allow"
        after = replaced(value, parse("policy.Statement[0].Effect"), "Deny")
        assert json.loads(after["policy"]) == {"Statement": [{"Effect": "Deny"}]}

    def test_what_is_not_there_is_read_as_gone(self) -> None:
        assert read({"a": [1]}, parse("a[1]")) is GONE
        assert read({"a": 1}, parse("a.b")) is GONE
        assert read({"a": None}, parse("a")) is None


class TestFlips:
    def test_each_bad_value_of_each_place_is_a_flip(self) -> None:
        one = resource(NETWORK, "x", routes=[{"cidr": "a"}, {"cidr": "b"}])
        found = list(flips([one], spoil("x", NETWORK, {"routes[*].cidr": ("0.0.0.0/0", GONE)})))
        assert [str(flip) for flip in found] == [
            "prod/x: routes[0].cidr = 0.0.0.0/0",
            "prod/x: routes[0].cidr = gone",
            "prod/x: routes[1].cidr = 0.0.0.0/0",
            "prod/x: routes[1].cidr = gone",
        ]

    def test_what_is_bad_already_is_no_flip(self) -> None:
        mutations = spoil("x", DATABASE, {"public": (False, GONE), "encrypted": True, "text": "true"})
        one = resource(public=False, encrypted="true", text=True)
        assert [flip.place for flip in flips([one], mutations)] == ["public"]

    def test_what_is_not_set_is_spoiled_unless_there_is_then_nothing_to_spoil(self) -> None:
        assert len(list(flips([resource()], spoil("x", DATABASE, {"public": True})))) == 1
        assert not list(flips([resource()], spoil("x", DATABASE, {"public": True}, only_set=True)))

    def test_only_resources_of_that_type_and_name_are_spoiled(self) -> None:
        mutations = spoil("x", DATABASE, {"public": True}, named="other-*")
        assert not list(flips(STACK, mutations))

    def test_what_has_to_change_with_it_does(self) -> None:
        mutations = spoil("x", DATABASE, {"a": 1}, also={"b": GONE, "c.d": 2})
        (flip,) = flips([resource(b=1)], mutations)
        assert flip.spoiled is not None
        assert flip.spoiled.props == {"a": 1, "c": {"d": 2}}

    def test_a_resource_may_go_or_lose_its_protection(self) -> None:
        gone, bare = flips([resource()], spoil("x", DATABASE, {RESOURCE: GONE, PROTECT: False}))
        assert gone.spoiled is None
        assert bare.spoiled is not None
        assert bare.spoiled.protect is False
        assert not list(flips([resource(protect=False)], spoil("x", DATABASE, {PROTECT: False})))


class TestScore:
    def test_a_flip_is_noticed_when_something_is_said_that_was_not_said_before(self) -> None:
        found = small_score(spoil("x", DATABASE, {"encrypted": (False, GONE), "public": True}))
        assert [one.rule for one in found.outcomes] == ["encrypted", "encrypted", None]
        assert [str(flip) for flip in found.unexplained] == ["prod/app-database: public = true"]
        assert found.by_area() == {"x": (2, 3)}

    def test_what_was_said_before_does_not_count(self) -> None:
        stack = (resource(encrypted=False, public=False), STACK[1])
        mutations = spoil("x", DATABASE, {"public": True})
        found = score([stack], mutations=mutations, unnoticed=(), rules=RULES, exemptions=())
        assert len(found.unexplained) == 1

    def test_a_rule_of_the_stack_notices_that_a_resource_is_gone(self) -> None:
        found = small_score(spoil("x", NETWORK, {RESOURCE: GONE}))
        assert [one.rule for one in found.outcomes] == ["networked"]

    def test_what_an_exemption_lets_pass_is_not_noticed(self) -> None:
        exemption = Exemption(
            rule="encrypted", resource="prod/app-database", reason="for this test alone", expires=date(2999, 1, 1)
        )
        found = small_score(spoil("x", DATABASE, {"encrypted": False}), exemptions=[exemption])
        assert len(found.unexplained) == 1

    def test_an_unnoticed_flip_with_a_reason_is_no_problem(self) -> None:
        reason = Unnoticed(type=DATABASE, path="public", reason="a test")
        found = small_score(spoil("x", DATABASE, {"public": True}), unnoticed=[reason])
        assert found.problems == ()
        assert [one.excuse for one in found.explained] == [reason]
        assert found.by_area() == {"x": (0, 1)}

    @pytest.mark.parametrize(
        "reason",
        [
            Unnoticed(type=DATABASE, path="encrypted", reason="it is noticed"),
            Unnoticed(type=DATABASE, path="public", bad="false", reason="another value"),
            Unnoticed(type=DATABASE, path="public", named="other-*", reason="another resource"),
        ],
    )
    def test_a_reason_that_nothing_needs_is_a_problem(self, reason: Unnoticed) -> None:
        found = small_score(spoil("x", DATABASE, {"encrypted": False}), unnoticed=[reason])
        assert found.outdated == (reason,)
        assert "is not needed" in found.problems[0]

    def test_a_mutation_that_spoils_nothing_is_a_problem(self) -> None:
        found = small_score(spoil("x", OTHER, {"acl": "public-read"}))
        assert len(found.idle) == 1
        assert "nothing is spoiled by" in found.problems[0]

    def test_a_rule_of_the_stack_looks_only_where_it_might_see_something(self) -> None:
        looked: list[str] = []

        def check(stack: Stack) -> Iterable[tuple[Resource, str]]:
            looked.append("again")
            stack.of(NETWORK)
            return ()

        rule = replace(NETWORKED, check=check)
        watch = Watch(STACK, [rule], ())
        looked.clear()
        (flip,) = flips(STACK, spoil("x", DATABASE, {"public": True}))
        watch.notices(flip)
        assert looked == []
        (flip,) = flips(STACK, spoil("x", NETWORK, {"cidr": "10.9.0.0/16"}))
        watch.notices(flip)
        assert looked == ["again"]


class TestFloor:
    SCORE = small_score(
        spoil("x", DATABASE, {"encrypted": False, "public": True}),
        unnoticed=[Unnoticed(type=DATABASE, path="public", reason="a test")],
    )

    def test_a_percentage_is_rounded_down_so_that_a_hundred_means_all(self) -> None:
        assert percent(1999, 2000) == 99.9
        assert percent(2000, 2000) == 100.0

    def test_its_own_score_is_no_drop(self) -> None:
        assert list(drops(self.SCORE, floors(self.SCORE))) == []

    @pytest.mark.parametrize(
        ("floor", "said"),
        [
            ({"x": Floor(flips=2, percent=50.1)}, "x: 50.0 % are noticed, and 50.1 % were"),
            ({"x": Floor(flips=3, percent=50.0)}, "x: 2 flips are tried, and 3 were"),
            (
                {"x": Floor(flips=2, percent=50.0), "y": Floor(flips=1, percent=0)},
                "y: no flips are left, and there were 1",
            ),
            ({}, "x: it has no floor yet; `make mutate WRITE=1` writes it"),
        ],
    )
    def test_a_drop_is_said(self, floor: dict[str, Floor], said: str) -> None:
        assert list(drops(self.SCORE, floor)) == [said]

    def test_what_is_written_is_read_again(self, tmp_path: Path) -> None:
        save_floors(self.SCORE, tmp_path / "floor.yaml")
        assert load_floors(tmp_path / "floor.yaml") == floors(self.SCORE)
        assert [path.name for path in tmp_path.iterdir()] == ["floor.yaml"]

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("x: {flips: many, percent: 1}", "x.flips"),
            ("x: {flips: 1}", "x.percent: Field required"),
            ("- x", "an area has `flips` and `percent`"),
            ("x: [", "is no YAML"),
        ],
    )
    def test_a_bad_file_is_refused_in_words(self, tmp_path: Path, content: str, said: str) -> None:
        (tmp_path / "floor.yaml").write_text(content)
        with pytest.raises(FloorError, match=said.replace(".", r"\.")):
            load_floors(tmp_path / "floor.yaml")

    def test_a_missing_file_says_how_to_make_one(self, tmp_path: Path) -> None:
        with pytest.raises(FloorError, match="make mutate WRITE=1"):
            load_floors(tmp_path / "floor.yaml")


@pytest.fixture(scope="module")
def prod_plain(prod: Recording) -> list[Resource]:
    return seen_by_rules(prod)


class TestCatalogue:
    def test_every_path_is_one(self) -> None:
        for mutation in MUTATIONS:
            if mutation.path not in {RESOURCE, PROTECT}:
                parse(mutation.path)

    def test_no_flip_stands_there_twice(self, prod_plain: list[Resource]) -> None:
        seen = Counter(str(flip) + str(flip.mutation.also) for flip in flips(prod_plain, MUTATIONS))
        assert [flip for flip, count in seen.items() if count > 1] == []

    def test_every_area_has_flips(self, prod_plain: list[Resource]) -> None:
        tried = {flip.mutation.area for flip in flips(prod_plain, MUTATIONS)}
        assert tried == {mutation.area for mutation in MUTATIONS} == set(load_floors())

    def test_every_reason_is_a_sentence_about_a_mutation(self) -> None:
        known = {(mutation.type, mutation.path) for mutation in MUTATIONS}
        assert [one for one in UNNOTICED if (one.type, one.path) not in known or len(one.reason) < 20] == []

    @pytest.mark.parametrize(
        ("path", "rule"),
        [
            ("spec.mtls.mode", "mesh-mtls-strict"),
            ("spec.source.helm.valuesObject.meshConfig.pathNormalization.normalization", "mesh-path-normalization"),
            ("storageEncrypted", "rds-encrypted"),
        ],
    )
    def test_a_flip_is_unexplained_once_its_rule_is_gone(
        self, path: str, rule: str, prod_plain: list[Resource]
    ) -> None:
        mutations = [one for one in MUTATIONS if one.path == path]
        # The second holds what the first asks of the mesh's root in every other namespace.
        named = {rule, "mesh-mtls-no-exception"}
        rules = [one for one in ALL_RULES if one.name not in named]
        kept = [one for one in ALL_RULES if one.name in named]
        with_it = score([prod_plain], mutations=mutations, unnoticed=UNNOTICED, rules=kept, exemptions=())
        without = score([prod_plain], mutations=mutations, unnoticed=(), rules=rules, exemptions=())
        assert with_it.unexplained == ()
        assert without.unexplained != ()


class TestCommand:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mutate, "resources_of", lambda root, stack: list(STACK))
        monkeypatch.setattr(mutate, "stacks_of", lambda root: ["prod"])

    def run(self, monkeypatch: pytest.MonkeyPatch, found: Score, floor: dict[str, Floor]) -> int:
        monkeypatch.setattr(mutate, "scored", lambda stacks: found)
        monkeypatch.setattr(mutate, "load_floors", lambda: floor)
        return mutate.main([])

    def test_a_score_at_its_floor_ends_well(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.run(monkeypatch, TestFloor.SCORE, floors(TestFloor.SCORE)) == 0
        assert "a test" in capsys.readouterr().out

    def test_a_drop_fails(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run(monkeypatch, TestFloor.SCORE, {"x": Floor(flips=2, percent=60)}) == 1
        assert "50.0 % are noticed, and 60.0 % were" in capsys.readouterr().out

    def test_an_unexplained_flip_fails(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = small_score(spoil("x", DATABASE, {"public": True}))
        assert self.run(monkeypatch, found, floors(found)) == 1
        assert "no rule notices prod/app-database: public = true" in capsys.readouterr().out

    def test_a_bad_floor_is_for_the_person_who_edits_it(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def missing() -> dict[str, Floor]:
            raise FloorError("floor.yaml is missing")

        monkeypatch.setattr(mutate, "scored", lambda stacks: TestFloor.SCORE)
        monkeypatch.setattr(mutate, "load_floors", missing)
        assert mutate.main([]) == 2
        assert "floor.yaml is missing" in capsys.readouterr().out


def test_both_stacks_keep_their_mutation_score(prod: Recording, dev: Recording) -> None:
    found = mutate.scored([seen_by_rules(dev), seen_by_rules(prod)])
    assert [*found.problems, *drops(found, load_floors())] == []
    assert len(found.outcomes) >= 120
