"""Numbers and durations have the values that Prometheus reads."""

import math

import pytest

from tenantry_promql.numbers import duration_ms, go_float, number_value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1.0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("0x1F", 31.0),
        ("0b11", 3.0),
        ("0o17", 15.0),
        ("010", 8.0),
        ("08", 8.0),
        ("1_000", 1000.0),
        ("Inf", math.inf),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1d2ms", 86400.002),
    ],
)
def test_a_number_has_its_value(text: str, expected: float) -> None:
    assert number_value(text) == expected


def test_nan_is_a_number_too() -> None:
    assert math.isnan(number_value("NaN"))


@pytest.mark.parametrize(
    ("text", "expected"), [("5m", 300_000), ("1.5", 1500), ("1w1ms", 604800001)]
)
def test_a_duration_has_its_milliseconds(text: str, expected: int) -> None:
    assert duration_ms(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, "1"),
        (-0.5, "-0.5"),
        (1e21, "1000000000000000000000"),
        (1.5e-7, "0.00000015"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_a_number_is_written_as_go_writes_it(value: float, expected: str) -> None:
    assert go_float(value) == expected
