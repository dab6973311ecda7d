"""What an alert's template can read besides its own sample; pure.

Annotations and labels of alerting rules are Go templates, and their function `query` evaluates any
PromQL: an alert on one's own series may quote anybody's.
"""

import re
from collections.abc import Iterable

_LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|\'(?:[^\'\\\n]|\\.)*\'|/\*.*?\*/', re.DOTALL)
_QUERY = re.compile(r"(?<![\w.$])query(?!\w)")
_OPEN = "{{"
_CLOSE = "}}"


def may_query(texts: Iterable[str]) -> bool:
    """Return whether one of these templates calls `query`; what cannot be read is taken to."""
    return any(_may_query(text) for text in texts)


def _may_query(text: str) -> bool:
    position = text.find(_OPEN)
    while position >= 0:
        position += len(_OPEN)
        code: list[str] = []
        while not text.startswith(_CLOSE, position):
            literal = _LITERAL.match(text, position)
            if position >= len(text) or (literal is None and _opens_literal(text, position)):
                return True
            # A literal counts as a space, so that what it separates stays separate.
            code.append(" " if literal else text[position])
            position = literal.end() if literal else position + 1
        if _QUERY.search("".join(code)):
            return True
        position = text.find(_OPEN, position + len(_CLOSE))
    return False


def _opens_literal(text: str, position: int) -> bool:
    return text.startswith(('"', "`", "'", "/*"), position)
