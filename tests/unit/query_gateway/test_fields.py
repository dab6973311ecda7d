"""A header is one line, whatever it holds."""

import pytest

from query_gateway import fields


def test_headers_become_lines() -> None:
    assert fields.text({"A": "b", "C": "d e"}) == "A: b\r\nC: d e\r\n"
    assert fields.text({}) == ""


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"A": "b\r\nX: y"}, id="a line break"),
        pytest.param({"A\nX": "y"}, id="a line break in a name"),
        pytest.param({"A": "b\rX"}, id="a carriage return"),
        pytest.param({"A": "b\nX"}, id="a line feed"),
    ],
)
def test_no_header_can_hold_another(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="line break"):
        fields.text(headers)
