"""What the oracle draws: repeatable, and with everything in it that is promised."""

import re
from collections import Counter
from random import Random

import pytest
from tests.oracle.promql import handwritten, spelling, universe
from tests.oracle.promql.estate import permitted_series
from tests.oracle.promql.plan import GENERATED, Plan
from tests.oracle.promql.servers import Kind

from tenantry_promql import ParseError
from tenantry_promql.reader import read
from tenantry_promql.syntax import to_text

STORED = universe.build(
    universe.Abilities(native_histograms=False, custom_buckets=False, utf8_names=False)
)
NEWEST = Kind((3, 12), ("promql-experimental-functions",))
PLAN = Plan(seed=7, generated=300)


def test_a_number_decides_what_is_compared() -> None:
    assert PLAN.cases(3, STORED, NEWEST) == PLAN.cases(3, STORED, NEWEST)
    assert PLAN.given(3, STORED).rules == PLAN.given(3, STORED).rules
    assert PLAN.given(3, STORED).rules != PLAN.given(4, STORED).rules


def test_each_query_is_asked_at_two_instants_and_over_a_range() -> None:
    cases = PLAN.cases(0, STORED, NEWEST)
    steps = Counter(bool(case.moment.step) for case in cases)

    assert steps == {False: len(cases) // 3 * 2, True: len(cases) // 3}


def test_most_generated_queries_are_queries() -> None:
    generated = {case.query for case in PLAN.cases(0, STORED, NEWEST) if case.category == GENERATED}

    assert sum(map(is_readable, generated)) > 0.9 * len(generated)


@pytest.mark.parametrize("number", range(50))
def test_another_spelling_is_the_same_query(number: int) -> None:
    query = (
        'sum by (job) (up{a="b c"} offset 5m) / on (job) group_left count(x) or y{z=~"a # \\"b"}'
    )

    assert as_read(spelling.varied(Random(number), query)) == as_read(query)  # noqa: S311


def test_enough_is_written_by_hand() -> None:
    queries = handwritten.queries()

    assert sum(map(len, queries.values())) > 1000
    assert all(len(set(of_one)) == len(of_one) for of_one in queries.values())


def test_the_estate_is_large_enough() -> None:
    assert 550 < len(STORED) < 800


@pytest.mark.parametrize("number", range(40))
def test_the_library_permits_what_the_rules_permit(number: int) -> None:
    permitted_series(PLAN.given(number, STORED), STORED)


def as_read(query: str) -> str:
    """Return the query as it is printed, the name always within the braces."""
    text = to_text(read(query)).lower().replace("'", '"')
    return re.sub(r"([a-z_]+)\{(?!__name__)", r'{__name__="\1",', text)


def is_readable(query: str) -> bool:
    try:
        read(query)
    except ParseError:
        return False
    return True
