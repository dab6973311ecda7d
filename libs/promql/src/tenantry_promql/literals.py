"""String literals of PromQL: three kinds of quotes, the escapes of Go."""

import re

_ESCAPE = re.compile(
    r"""\\(?:([abfnrtv\\'"])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.?))""",
    re.DOTALL,
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_REPLACEMENT = "\ufffd"


class BadLiteral(ValueError):
    """The literal is not one that Prometheus accepts; the message is Prometheus'."""


class NotUTF8(ValueError):
    """The literal is legal, but its bytes are not UTF-8, which no rule can be compared with."""


def unquote(literal: str) -> str:
    """Return the value of a quoted string.

    Raises BadLiteral for an escape that Go does not know, NotUTF8 for bytes like `"\\xff"`.
    """
    quote, body = literal[0], literal[1:-1]
    if _REPLACEMENT in body:
        # Prometheus cannot tell it from a decoding error and refuses both.
        raise BadLiteral("invalid UTF-8 rune")
    if quote == "`" or "\\" not in body:
        return body
    try:
        return b"".join(_decoded(body, quote)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotUTF8("the string is not valid UTF-8") from error


def _decoded(body: str, quote: str) -> list[bytes]:
    # Octal and \x escapes are bytes, not characters, hence the detour through bytes.
    parts = []
    end = 0
    for found in _ESCAPE.finditer(body):
        parts.append(body[end : found.start()].encode("utf-8"))
        parts.append(_escape(found, quote))
        end = found.end()
    parts.append(body[end:].encode("utf-8"))
    return parts


def _escape(found: re.Match[str], quote: str) -> bytes:
    simple, octal, byte, short, long, unknown = found.groups()
    if simple is not None:
        if simple in "'\"" and simple != quote:
            raise BadLiteral(f"unknown escape sequence {_named(simple)}")
        return _SIMPLE.get(simple, simple).encode()
    if octal is not None or byte is not None:
        value = int(octal, 8) if octal is not None else int(byte, 16)
        if value > 255:
            raise BadLiteral("escape sequence is an invalid Unicode code point")
        return bytes([value])
    if short is not None or long is not None:
        point = int(short if short is not None else long, 16)
        if point > 0x10FFFF or 0xD800 <= point < 0xE000:
            raise BadLiteral("escape sequence is an invalid Unicode code point")
        return chr(point).encode("utf-8")
    if unknown in ("", "x", "u", "U") or unknown in "01234567":
        raise BadLiteral("illegal character in escape sequence")
    raise BadLiteral(f"unknown escape sequence {_named(unknown)}")


def _named(character: str) -> str:
    return f"U+{ord(character):04X} {character!r}"


_QUOTED = {
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    _REPLACEMENT: "\\ufffd",  # Prometheus takes the character itself for a decoding error
}
_NEEDS_QUOTING = re.compile(r'["\\\x00-\x1f\x7f\ufffd]')


def quote(value: str) -> str:
    """Write a value as a double-quoted literal; the inverse of `unquote`."""
    return '"' + _NEEDS_QUOTING.sub(_quoted, value) + '"'


def _quoted(found: re.Match[str]) -> str:
    character = found[0]
    return _QUOTED.get(character) or f"\\x{ord(character):02x}"
