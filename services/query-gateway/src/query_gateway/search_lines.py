"""Check the answers of Prometheus' search endpoints line by line; pure.

They are lines of JSON: batches of results, then one that says how it ended. Only what is known of
them is written again.
"""

from collections.abc import AsyncIterator, Callable

import msgspec

from query_gateway import backend_errors
from query_gateway.answers import NotAnAnswer, Violation

_LONGEST = 16 * 1024 * 1024


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """One name or value that was found; type, help and unit where metadata was asked for."""

    name: str
    score: float | None = None
    type: str = ""
    help: str = ""
    unit: str = ""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: `results` in a batch, `status` in the last line."""

    results: list[Result] | None = None
    status: str = ""
    has_more: bool | None = None
    error_type: str = msgspec.field(default="", name="errorType")
    error: str = ""
    warnings: list[str] = []


_decoder = msgspec.json.Decoder(Line)


def checked(line: bytes, permitted: Callable[[str], bool]) -> bytes:
    """Return one line of the answer as it goes to the tenant.

    Raises `Violation` for a name that is not `permitted`, `NotAnAnswer` for what is no such line.
    """
    found = read(line)
    if not all(permitted(result.name) for result in found.results or ()):
        raise Violation
    if found.error:
        found = msgspec.structs.replace(
            found, error=backend_errors.cleaned("upstream_execution", found.error)
        )
    return msgspec.json.encode(found) + b"\n"


def read(line: bytes) -> Line:
    """Return one line as it was written. Raises `NotAnAnswer`."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotAnAnswer from error


async def lines(
    chunks: AsyncIterator[bytes], permitted: Callable[[str], bool]
) -> AsyncIterator[bytes]:
    """Yield the checked lines of an answer that comes in `chunks`. Raises as `checked` does.

    An answer that does not end with the end of a line did not come whole, and its rest is withheld.
    """
    waiting = b""
    async for chunk in chunks:
        *whole, waiting = (waiting + chunk).split(b"\n")
        for line in whole:
            yield checked(line, permitted)
        if len(waiting) > _LONGEST:
            raise NotAnAnswer
    if waiting:
        raise NotAnAnswer
