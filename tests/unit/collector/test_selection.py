"""What is sent selects exactly what a rule means, whatever external labels the source has."""

import pytest

from collector import selection
from collector.schedule import Window
from collector.selection import Names
from tenantry_common.contracts import Matcher
from tenantry_common.remote_read import Query

WINDOW = Window(1_000, 31_000)


@pytest.mark.parametrize(
    ("matcher", "sent"),
    [
        pytest.param(
            Matcher("__name__", "=", "up"), Matcher("__name__", "=", "up"), id="name as it is"
        ),
        pytest.param(
            Matcher("__name__", "=", ""), Matcher("__name__", "=~", ""), id="but not the empty one"
        ),
        pytest.param(
            Matcher("x", "=", "a.b|c"), Matcher("x", "=~", r"a\.b\|c"), id="equality is quoted"
        ),
        pytest.param(Matcher("x", "=", ""), Matcher("x", "=~", ""), id="absence"),
        pytest.param(Matcher("x", "!=", "a"), Matcher("x", "!=", "a"), id="inequality"),
        pytest.param(Matcher("x", "!=", ""), Matcher("x", "!=", ""), id="presence"),
        pytest.param(
            Matcher("x", "=~", "a.*b"),
            Matcher("x", "=~", "(?s:a.*b)"),
            id="the dot means what it means in Prometheus 3",
        ),
        pytest.param(Matcher("x", "!~", "a.*b"), Matcher("x", "!~", "(?s:a.*b)"), id="negated"),
    ],
)
def test_matcher_as_it_is_sent(matcher: Matcher, sent: Matcher) -> None:
    rules = selection.rule_set(((matcher,),))

    assert selection.queries(rules, WINDOW) == (
        Query(matchers=(sent,), start_ms=1_001, end_ms=31_000),
    )


def test_rules_become_queries_and_their_matchers_stay_together() -> None:
    rules = selection.rule_set(
        (
            (Matcher("__name__", "=", "up"), Matcher("job", "=", "a")),
            (Matcher("namespace", "=", "shop"),),
        )
    )

    sent = {query.matchers for query in selection.queries(rules, WINDOW)}

    assert sent == {
        (Matcher("__name__", "=", "up"), Matcher("job", "=~", "a")),
        (Matcher("namespace", "=~", "shop"),),
    }


def test_everything_includes_series_without_a_name() -> None:
    [query] = selection.queries(selection.rule_set(((),)), WINDOW)

    assert query.matchers == (Matcher("__name__", "=~", ".*"),)


def test_no_rules_ask_for_nothing() -> None:
    assert selection.queries(selection.rule_set(()), WINDOW) == ()


def test_broken_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="does not compile"):
        selection.rule_set(((Matcher("x", "=~", "("),),))


@pytest.mark.parametrize(
    ("matchers", "expected"),
    [
        pytest.param([("__name__", "=~", ".*")], True, id="everything"),
        pytest.param([("a", "=~", "x?"), ("b", "!=", "y")], True, id="nothing must be there"),
        pytest.param([("a", "=", ""), ("b", "=~", "y")], False, id="one label must be"),
        pytest.param([("a", "!=", "")], False, id="some value"),
    ],
)
def test_query_is_open_when_a_series_without_labels_would_do(
    matchers: list[tuple[str, str, str]], expected: bool
) -> None:
    query = Query(
        matchers=tuple(Matcher(*m) for m in matchers),  # type: ignore[arg-type]  # operators are literals
        start_ms=1,
        end_ms=2,
    )

    assert selection.is_open(query) is expected


def test_queries_are_restricted_to_a_part_of_the_names() -> None:
    rules = selection.rule_set(((Matcher("a", "=~", "b"),), ()))
    window = Window(0, 10)

    found = selection.queries(rules, window, Names(("x.y", "z"), others=False))

    names = Matcher("__name__", "=~", "x\\.y|z")
    assert {query.matchers for query in found} <= {
        (Matcher("a", "=~", "b"), names),
        (names,),
    }
