"""The comparison finds every kind of difference."""

from collections.abc import Mapping

import pytest

from tenantry_cli.demo import readback
from tenantry_cli.demo.readback import Comparison, Sample

A = frozenset({("__name__", "a"), ("replica", "x")})
ONE = Sample(A, 1000, 7)
TWO = Sample(A, 2000, 8)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([ONE, TWO], Comparison(2, 0, 0, 0, 0), id="equal"),
        pytest.param([ONE], Comparison(2, 1, 0, 0, 0), id="a sample is lost"),
        pytest.param([ONE, TWO, Sample(A, 3, 1)], Comparison(2, 0, 1, 0, 0), id="one is extra"),
        pytest.param([ONE, TWO._replace(bits=9)], Comparison(2, 0, 0, 1, 0), id="other bits"),
        pytest.param([ONE, TWO, TWO], Comparison(2, 0, 0, 0, 1), id="one is there twice"),
    ],
)
def test_differences_are_counted(found: list[Sample], expected: Comparison) -> None:
    seen = readback.compare([ONE, TWO], found)

    assert (seen, seen.exact) == (expected, found == [ONE, TWO])


def test_nothing_compared_proves_nothing() -> None:
    assert not readback.compare([], []).exact


def test_what_is_expected_is_filtered_and_relabelled() -> None:
    def permitted(labels: Mapping[str, str]) -> bool:
        return labels["__name__"] == "a"

    other = Sample(frozenset({("__name__", "b")}), 1, 1)

    assert readback.expected([ONE, other], permitted, frozenset({"replica"}), {"tenant": "t"}) == [
        Sample(frozenset({("__name__", "a"), ("tenant", "t")}), 1000, 7)
    ]
