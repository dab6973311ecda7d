"""Names that not everybody reads are escaped without two becoming one."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry_common import text_names as names


@pytest.mark.parametrize(
    ("name", "utf8", "expected"),
    [
        pytest.param("http_requests:rate5m", False, ("http_requests:rate5m", False), id="plain"),
        pytest.param("http.requests", True, ('"http.requests"', True), id="quoted"),
        pytest.param("http.requests_all", False, ("U__http_2e_requests__all", False), id="escaped"),
        pytest.param('a"b\\c\n', True, ('"a\\"b\\\\c\\n"', True), id="quotes inside"),
        pytest.param("7up", False, ("U__7up", False), id="a digit first"),
        pytest.param("ü", False, ("U___fc_", False), id="not ASCII"),
    ],
)
def test_a_metric_name_is_written_for_its_reader(
    name: str, utf8: bool, expected: tuple[str, bool]
) -> None:
    assert names.metric(name, utf8=utf8) == expected


def test_a_label_name_may_hold_no_colon() -> None:
    assert names.label("a:b", utf8=False) == "U__a_3a_b"
    assert names.label("a:b", utf8=True) == '"a:b"'


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_two_names_become_one(left: str, right: str) -> None:
    # What begins with U__ is reserved by Prometheus for escaped names.
    if left != right and not left.startswith("U__") and not right.startswith("U__"):
        assert names.plain_metric(left) != names.plain_metric(right)


@given(st.floats(allow_nan=False))
def test_a_number_reads_as_the_same_bits(value: float) -> None:
    raw = struct.pack("<d", value)

    assert struct.pack("<d", float(names.number(raw))) == raw


def test_what_is_no_number_has_the_words_of_the_formats() -> None:
    special = [float("nan"), float("inf"), float("-inf")]
    raw = [struct.pack("<d", value) for value in special]

    assert [names.number(one) for one in raw] == ["NaN", "+Inf", "-Inf"]
