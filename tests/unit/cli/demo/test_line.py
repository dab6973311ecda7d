"""A line of the proof holds or does not hold; there is nothing between."""

from tenantry_cli.demo.line import Line


def test_a_line_is_compared_as_a_whole() -> None:
    assert Line("query", "claim", "seen", True) == Line(
        part="query", claim="claim", seen="seen", holds=True
    )
