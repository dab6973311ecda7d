"""What a scrape may ask for, and what it then sees."""

import pytest

from receiver.federate.selection import BadSelection, Scope, Selection, Shard
from tenantry_common import subjects
from tenantry_common.subjects import JobRef


def source(number: int, tenant: str = "team") -> tuple[JobRef, str]:
    return (JobRef(tenant, "edge"), subjects.source_token(f"cluster {number}"))


@pytest.mark.parametrize(
    ("selectors", "verdicts"),
    [
        pytest.param([], {"up": "all", "down": "all"}, id="none selects everything"),
        pytest.param(["up"], {"up": "all", "down": "none"}, id="a name"),
        pytest.param(['{__name__=~"u.*"}'], {"up": "all", "xup": "none"}, id="a regex, anchored"),
        pytest.param(['up{a="1"}'], {"up": "some", "down": "none"}, id="labels decide"),
        pytest.param(['up{a="1"}', "up"], {"up": "all"}, id="a wider one beside it"),
        pytest.param(['{a="1"}'], {"up": "some", "down": "some"}, id="no name"),
        pytest.param(['{__name__!="up"}'], {"up": "none", "down": "all"}, id="all but one"),
        pytest.param(["{}"], {"up": "all"}, id="everything, written out"),
    ],
)
def test_the_name_decides_as_far_as_it_can(selectors: list[str], verdicts: dict[str, str]) -> None:
    selection = Selection(selectors)

    assert {name: selection.of_name(name) for name in verdicts} == verdicts


def test_selectors_are_a_union_per_name() -> None:
    demanded = Selection(['up{a="1"}', '{b=~"x|y"}', 'down{c="1"}']).within("up")

    assert demanded.matches({"__name__": "up", "a": "1"})
    assert demanded.matches({"__name__": "up", "b": "y"})
    assert not demanded.matches({"__name__": "up", "c": "1"})


def test_an_absent_label_is_empty() -> None:
    demanded = Selection(['up{a=""}']).within("up")

    assert demanded.matches({"__name__": "up"})
    assert not demanded.matches({"__name__": "up", "a": "1"})


@pytest.mark.parametrize("text", ["up{", "up + 1", 'up{a=~"("}', "rate(up[5m])", "", "up[5m]"])
def test_what_is_no_selector_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadSelection, match=r"^match\[\]: "):
        Selection([text])


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_together_hold_every_source_once(count: int) -> None:
    shards = [Shard(f"{number}/{count}") for number in range(1, count + 1)]
    holders = [sum(shard.holds(source(n)) for shard in shards) for n in range(200)]

    assert holders == [1] * 200
    assert all(any(shard.holds(source(n)) for n in range(200)) for shard in shards)


@pytest.mark.parametrize(
    "text", ["0/2", "3/2", "1", "a/b", "1/", "/2", "-1/2", "1/99999", "¹/2", "1/2/3"]
)
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(BadSelection, match=r"^shard: "):
        Shard(text)


def test_a_scope_withholds_other_tenants() -> None:
    scope = Scope(["team"])

    assert scope.holds(source(1))
    assert not scope.holds(source(1, "other"))
    assert Scope(None).holds(source(1, "other"))
    assert not Scope([]).holds(source(1))
