"""The union of answers of shards that hold different series, values untouched; pure.

The way of most queries, and the only one for native histograms and for samples of a range selector.
"""

from collections.abc import Sequence

import msgspec

from query_gateway.answers import TRUNCATED, NotAnAnswer, decoded
from query_gateway.shards import frames
from query_gateway.shards.frames import Uncomputable


class _Element(msgspec.Struct, frozen=True, omit_defaults=True):
    metric: dict[str, str]
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    values: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    histogram: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    histograms: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Data(msgspec.Struct, frozen=True, rename="camel"):
    result_type: str
    result: list[_Element]


class _Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    status: str
    data: _Data
    warnings: list[str] = []
    infos: list[str] = []


_answer = msgspec.json.Decoder(_Answer)


def check(body: bytes, result_type: str) -> None:
    """Raise NotAnAnswer for a body that `united` cannot take, or that is of another type."""
    if decoded(_answer, body).data.result_type != result_type:
        raise NotAnAnswer


def united(bodies: Sequence[bytes], limit: int, *, by_step: bool) -> bytes | None:
    """Return the union, ranges sorted by labels and cut to `limit` series (0: all).

    None where elements of two shards have the same labels and are to be merged `by_step`, which
    histograms cannot be. Raises NotAnAnswer, and Uncomputable where two shards must not have them.
    """
    parts = [decoded(_answer, body) for body in bodies]
    result_type = parts[0].data.result_type
    if any(part.data.result_type != result_type for part in parts):
        raise NotAnAnswer
    found: dict[tuple[tuple[str, str], ...], _Element] = {}
    for part in parts:
        for element in part.data.result:
            key = tuple(sorted(element.metric.items()))
            if key in found:
                if not by_step or _has_histogram(element) or _has_histogram(found[key]):
                    raise Uncomputable(frames.TWICE)
                return None
            found[key] = element
    keys = sorted(found) if result_type == "matrix" else list(found)
    cut = keys[:limit] if limit else keys
    warnings = {text for part in parts for text in part.warnings}
    if len(cut) < len(keys):
        warnings.add(TRUNCATED)
    return msgspec.json.encode(
        _Answer(
            status="success",
            data=_Data(result_type=result_type, result=[found[key] for key in cut]),
            warnings=sorted(warnings),
            infos=sorted({text for part in parts for text in part.infos}),
        )
    )


def _has_histogram(element: _Element) -> bool:
    return element.histogram is not msgspec.UNSET or element.histograms is not msgspec.UNSET
