"""Read ``application/x-www-form-urlencoded`` text strictly, once; pure.

Whatever two readers could take for two things is refused: the gateway judges what it read and
sends what it judged, so a tenant gains nothing by being ambiguous.
"""

import functools
import re
from urllib.parse import quote_plus, unquote_to_bytes

from query_gateway.failures import Failure

type Pairs = tuple[tuple[str, str], ...]
"""Parameters in the order in which they came, repeated names included."""

_MAX_PAIRS = 1000
_REMEMBERED = 2048  # bytes or characters of what is remembered
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_REPLACEMENT = "\ufffd"  # what lenient decoders write for bytes that are not UTF-8


def decode(raw: bytes, where: str) -> Pairs:
    """Return the parameters in `raw`; `where` says for errors what was read ("URL", "body").

    Raises `Failure`. A ``;`` must be escaped, because some readers take it for a separator.
    """
    if not raw:
        return ()
    if b";" in raw:
        raise Failure("malformed", f"the {where} holds an unescaped ';'")
    if _BAD_ESCAPE.search(raw):
        raise Failure("malformed", f"the {where} holds a '%' that escapes nothing")
    fields = [field for field in raw.split(b"&") if field]
    if len(fields) > _MAX_PAIRS:
        raise Failure("malformed", f"the {where} holds more than {_MAX_PAIRS} parameters")
    return tuple(
        [
            (_pair if len(field) <= _REMEMBERED else _pair.__wrapped__)(field, where)
            for field in fields
        ]
    )


# Dashboards ask the same again and again, with other times only.
@functools.lru_cache(maxsize=4096)
def _pair(field: bytes, where: str) -> tuple[str, str]:
    name, _, value = field.partition(b"=")
    return _text(name, where), _text(value, where)


def _text(raw: bytes, where: str) -> str:
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise Failure("malformed", f"the {where} is not UTF-8") from None
    if _REPLACEMENT in text:
        raise Failure("malformed", f"the {where} holds U+FFFD, the mark of broken UTF-8")
    if "\0" in text:
        raise Failure("malformed", f"the {where} holds a NUL character")
    return text


def encode(pairs: Pairs) -> str:
    """Return the text that `decode` reads as `pairs`."""
    return "&".join(
        [
            (_field if len(value) <= _REMEMBERED else _field.__wrapped__)(name, value)
            for name, value in pairs
        ]
    )


@functools.lru_cache(maxsize=4096)
def _field(name: str, value: str) -> str:
    return f"{quote_plus(name)}={quote_plus(value)}"
