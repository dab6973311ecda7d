"""A template that could quote other series is recognized."""

import pytest

from query_gateway import templates


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ("a slow query", False),
        ("{{ $labels.job }} has a slow query {{ $value }}", False),
        ("{{ $labels.query }} {{ .Labels.query }} {{ $query }}", False),
        ('{{ "query" }} {{ `query` }} {{/* query */}}', False),
        ("{{ subquery 1 }}{{ query2 }}", False),
        ('{{ query "up" }}', True),
        ('{{range query "up"}}{{.Value}}{{end}}', True),
        ('{{ "up" | query | first }}', True),
        ('{{ with printf "%s" "}}" | query }}', True),
        ("text {{ 1 }} more {{- query `up` -}}", True),
        ('{{ "a \\" }}" }}{{ (query "up") }}', True),
        ("{{ $x", True),
        ("{{", True),
        ("{{ 'a' }}{{ \"open }}", True),
    ],
)
def test_a_call_of_query_is_found(text: str, expected: bool) -> None:
    assert templates.may_query(["plain", text]) == expected
