"""Items of `spec.metrics` become rules, or problems with their index."""

import pytest

from tenant_controller import rules
from tenant_controller.metric_access import Spec
from tenantry_promql import Matcher


def granted(*metrics: str, **more: object) -> rules.Granted:
    return rules.of(Spec(source="s", metrics=metrics, **more), "team-a")  # type: ignore[arg-type]


def told(found: rules.Granted) -> list[tuple[str, str]]:
    return [(p.path.removeprefix("$.spec."), p.severity) for p in found.problems]


def test_a_name_a_selector_and_an_expression() -> None:
    assert granted("up", 'up{job="a"}', "node_.*", ":a:b") == rules.Granted(
        (
            (Matcher("__name__", "=", "up"),),
            (Matcher("__name__", "=", "up"), Matcher("job", "=", "a")),
            (Matcher("__name__", "=~", "node_.*"),),
            (Matcher("__name__", "=", ":a:b"),),
        ),
        (),
    )


def test_label_selectors_and_isolation_are_added_to_every_rule() -> None:
    found = granted("up", "a", label_selectors={"env": "prod"}, metric_isolation=True)

    more = (Matcher("env", "=", "prod"), Matcher("namespace", "=", "team-a"))
    assert found == rules.Granted(
        ((Matcher("__name__", "=", "up"), *more), (Matcher("__name__", "=", "a"), *more)), ()
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{}", id="empty braces"),
        pytest.param(".*", id="any name"),
        pytest.param(".+", id="any name that is not empty"),
        pytest.param('{__name__!=""}', id="not without a name"),
        pytest.param('{job=~".*"}', id="any job"),
    ],
)
def test_everything_is_refused_unless_it_is_meant(text: str) -> None:
    assert told(granted(text)) == [("metrics[0]", "error")]
    assert told(granted(text, allow_all=True)) == []


def test_everything_within_a_namespace_is_not_everything() -> None:
    assert told(granted("{}", metric_isolation=True)) == []
    assert told(granted(".+", label_selectors={"team": "a"})) == []


def test_rules_that_are_everything_together_are_refused() -> None:
    found = granted('{a=""}', '{a!=""}')

    assert told(found) == [("metrics", "error")]
    assert told(granted('{a=""}', '{a!=""}', allow_all=True)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("up{", "unexpected end of input", id="selector"),
        pytest.param('up{job=~"("}', "missing )", id="regex of a selector"),
        pytest.param("a(", "missing )", id="regex of a name"),
        pytest.param("", "must not be empty", id="empty"),
        pytest.param('{__tenantry_x="a"}', "cannot be used in a rule", id="reserved label"),
        pytest.param("a" * 4097, "longer than 4096 characters", id="too long"),
    ],
)
def test_what_is_no_rule_says_why(text: str, message: str) -> None:
    found = granted("up", text)

    assert found.rules == ((Matcher("__name__", "=", "up"),), None)
    assert told(found) == [("metrics[1]", "error")]
    assert message in found.problems[0].message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('{job="a.*"}', 'job="a.*" compares with that very text', id="= with a regex"),
        pytest.param('{job="a|b"}', 'job="a|b" compares with that very text', id="= with a choice"),
        pytest.param('{a="x",a="y"}', "matches no series", id="contradiction"),
        pytest.param("rate(x[5m])", "only series can be granted", id="a function"),
        pytest.param("up offset 5m", "only series can be granted", id="a modifier"),
    ],
)
def test_doubts_are_warnings(text: str, message: str) -> None:
    found = granted(text)

    assert told(found) == [("metrics[0]", "warning")]
    assert message in found.problems[0].message
    assert found.rules[0] is not None


def test_a_value_of_the_object_itself_is_no_doubt() -> None:
    assert told(granted("up", label_selectors={"job": "a|b"})) == []


@pytest.mark.parametrize("label", ["", "a.b", "__tenantry_a"])
def test_a_wrong_label_selector_is_told_and_left_out(label: str) -> None:
    found = granted("up", label_selectors={label: "x", "job": "a"})

    assert told(found) == [(f"labelSelectors.{label}", "error")]
    assert found.rules == ((Matcher("__name__", "=", "up"), Matcher("job", "=", "a")),)


def test_a_bad_label_and_an_empty_list_are_told() -> None:
    assert told(granted(label_selectors={"a-b": "c"})) == [
        ("labelSelectors.a-b", "error"),
        ("metrics", "warning"),
    ]


def test_there_is_a_limit_to_the_number_of_items() -> None:
    found = granted(*(f"m_{n}" for n in range(2001)))

    assert told(found) == [("metrics", "error")]
    assert len(found.rules) == 2000
