"""A boundary only narrows, and means the tenant's own namespace to each tenant."""

import pytest

from tenant_controller import boundary, config
from tenant_controller.boundary import Boundaries, Invalid
from tenantry_promql import RuleSet, parse_rule


def boundaries(*pairs: tuple[tuple[str, ...], tuple[str, ...]]) -> Boundaries:
    return boundary.parse(
        [config.Boundary(namespaces=names, selectors=selectors) for names, selectors in pairs]
    )


def narrowed(limits: Boundaries, namespace: str, *rules: str) -> RuleSet:
    return limits.narrow(RuleSet(map(parse_rule, rules)), namespace)


OWN = boundaries((("team-*", "!team-platform"), ('{namespace="$namespace"}', "up")))


@pytest.mark.parametrize(
    ("namespace", "rule", "expected"),
    [
        pytest.param("team-a", "x", ['x{namespace="team-a"}'], id="narrowed to the namespace"),
        pytest.param("team-a", "up", ["up"], id="the other selector permits it whole"),
        pytest.param("team-a", 'x{namespace="team-b"}', [], id="nothing is left"),
        pytest.param("team-platform", "x", ["x"], id="excepted"),
        pytest.param("other", "x", ["x"], id="not covered"),
    ],
)
def test_a_rule_within_a_boundary(namespace: str, rule: str, expected: list[str]) -> None:
    assert narrowed(OWN, namespace, rule) == RuleSet(map(parse_rule, expected))


def test_every_boundary_that_covers_a_namespace_applies() -> None:
    limits = boundaries(
        (("*",), ('{cluster="eu"}',)), (("team-a",), ('{namespace=~"$namespace(-.*)?"}',))
    )

    assert narrowed(limits, "team-a", "x") == RuleSet(
        [parse_rule('x{cluster="eu",namespace=~"team-a(-.*)?"}')]
    )
    assert narrowed(limits, "team-b", "x") == RuleSet([parse_rule('x{cluster="eu"}')])


def test_without_selectors_nothing_is_left() -> None:
    assert narrowed(boundaries((("*",), ())), "team-a", "x").is_empty


def test_without_boundaries_everything_stays() -> None:
    assert narrowed(Boundaries(), "team-a", "x") == RuleSet([parse_rule("x")])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="syntax"),
        pytest.param('{a=~"("}', id="expression"),
        pytest.param("a.*", id="not a selector"),
        pytest.param('{__tenantry_a="b"}', id="reserved"),
    ],
)
def test_a_broken_boundary_is_named_by_its_path(text: str) -> None:
    with pytest.raises(Invalid, match=r"^\$\.boundaries\[1\]\.selectors\[1\]: "):
        boundaries((("*",), ("up",)), (("*",), ("up", text)))
