"""The same query spelt otherwise: comments, line ends, capitals, quotes, braces around the name."""

import re
from random import Random

_TOKENS = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*") | (?P<bracket>\[[^\]]*\]) | (?P<space>\ )
        | (?P<name>[a-z_][a-z0-9_:]*\{) | (?P<keyword>\b(?:by|without|on|ignoring|and|or|unless|bool
        |offset|sum|count|max|min|avg|group_left|group_right)\b(?=\ |\()) | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_SPACES = (" ", "  ", "\t", "\n", "\r\n", ' # a comment with "quotes" and (\n', "\n#\n")


def varied(rng: Random, query: str) -> str:
    """Return the query in another spelling."""
    return "".join(
        _varied(rng, found.lastgroup or "", found[0]) if rng.random() < 0.3 else found[0]
        for found in _TOKENS.finditer(query)
    )


def _varied(rng: Random, kind: str, text: str) -> str:
    match kind:
        case "space":
            return rng.choice(_SPACES)
        case "keyword":
            return text.upper()
        case "name":
            return f'{{__name__="{text[:-1]}",'
        case "string" if "'" not in text and "\\" not in text:
            return f"'{text[1:-1]}'"
        case _:
            return text
