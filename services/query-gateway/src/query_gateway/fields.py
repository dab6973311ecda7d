"""Header fields as text, none of which can hold another one; pure."""

from collections.abc import Mapping


def text(headers: Mapping[str, str]) -> str:
    """Return the lines of `headers`. Raises ValueError where they would be read as others."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if not lines.count("\n") == lines.count("\r") == len(headers):
        raise ValueError("a header holds a line break")
    return lines
