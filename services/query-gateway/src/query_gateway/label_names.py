"""Label names in the path of ``label/{name}/values``, plain and escaped as ``U__…``; pure.

The escaping is Prometheus' "values encoding" (prometheus/common, `model.UnescapeName`): ``U__``,
then the name with ``_`` doubled and every character outside ``[a-zA-Z0-9:_]`` written ``_<hex>_``.
"""

import re
import string

_PREFIX = "U__"
_LEGACY = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_PLAIN = frozenset(string.ascii_letters + string.digits + ":")
_ESCAPED = re.compile(r"__|_([0-9a-fA-F]{1,6})_|([^_])", re.DOTALL)


def is_legacy(name: str) -> bool:
    """Return whether every version of Prometheus takes `name` for a label name."""
    return _LEGACY.fullmatch(name) is not None


def unescape(name: str) -> str:
    """Return the label that `name` means; a name that is not properly escaped means itself."""
    if not name.startswith(_PREFIX):
        return name
    text = name.removeprefix(_PREFIX)
    found: list[str] = []
    position = 0
    while position < len(text):
        match = _ESCAPED.match(text, position)
        if match is None:
            return name
        character = _character(match)
        if character is None:
            return name
        found.append(character)
        position = match.end()
    return "".join(found)


def _character(match: re.Match[str]) -> str | None:
    code, plain = match.groups()
    if plain is not None:
        return str(plain)
    if code is None:
        return "_"
    point = int(code, 16)
    return None if point > 0x10FFFF or 0xD800 <= point < 0xE000 else chr(point)


def escape(name: str) -> str:
    """Return `name` as one path segment that nothing on the way can take for anything else.

    Legacy names stay as they are. The others would need percent-encoding, and ``..`` and ``/`` have
    a meaning to servers even so.
    """
    if is_legacy(name) and not name.startswith(_PREFIX):
        return name
    return _PREFIX + "".join(_escaped(name))


def _escaped(name: str) -> list[str]:
    return [
        "__"
        if character == "_"
        else character
        if character in _PLAIN and (index or not character.isdigit())
        else f"_{ord(character):x}_"
        for index, character in enumerate(name)
    ]
