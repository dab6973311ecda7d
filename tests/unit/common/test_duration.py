"""Durations mean what Go makes of them."""

import pytest

from tenantry_common import duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("30s", 30_000, id="seconds"),
        pytest.param("1h30m", 5_400_000, id="several units"),
        pytest.param("1.5s", 1_500, id="fraction"),
        pytest.param(".5m", 30_000, id="fraction without a digit before it"),
        pytest.param("5.s", 5_000, id="fraction without a digit after it"),
        pytest.param("1ms1us", 1, id="rounded down to a millisecond"),
        pytest.param("0.1s0.2s", 300, id="exact, not in binary fractions"),
        pytest.param("-3s", -3_000, id="negative"),
        pytest.param("0", 0, id="zero stands alone"),
        pytest.param("1µs", 0, id="micro sign"),
        pytest.param("30", None, id="no unit"),
        pytest.param("1d", None, id="Go knows no days"),
        pytest.param("1 s", None, id="blank"),
        pytest.param("", None, id="empty"),
        pytest.param("s", None, id="no number"),
        pytest.param("\u0661s", None, id="digits of another script"),
        pytest.param("9" * 65 + "s", None, id="too long"),
    ],
)
def test_a_text_is_a_duration_or_none(text: str, expected: int | None) -> None:
    assert duration.milliseconds(text) == expected
