"""What several shards find at Prometheus' search endpoints, as one answer; pure.

Each shard answers with its first results in the order that was asked for. Merged in that order and cut
again they are the first of all. Prometheus merges the answers to several `match[]` in the same way.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from query_gateway import backend_errors, endpoints, search_lines
from query_gateway.answers import NotAnAnswer, Violation
from query_gateway.failures import Failure
from query_gateway.search_lines import Line, Result

SCORE = "include_score"
"""The parameter without which results have no score."""
_SORT = "sort_by"
_BY_SCORE = "score"
_USUAL = 100
"""The limit, and results in one line, where the tenant says nothing or 0."""


class Found(NamedTuple):
    """What one shard found."""

    results: list[Result]
    has_more: bool
    warnings: list[str]


def asked(single: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters for the shards: where scores give the order, they are asked for."""
    return {**single, SCORE: "true"} if single.get(_SORT) == _BY_SCORE else dict(single)


def united(
    bodies: Sequence[bytes],
    single: Mapping[str, str],
    permitted: Callable[[str], bool],
    missing: Sequence[str] = (),
) -> bytes:
    """Return the lines of one answer to a search with these parameters; `missing` are more warnings.

    The backends have accepted the parameters. Raises NotAnAnswer, Violation for a name that is not
    `permitted`, and `Failure` where a backend says that it did not come to an end.
    """
    parts = [read(body) for body in bodies]
    by_name: dict[str, Result] = {}
    for result in (one for part in parts for one in part.results):
        if not permitted(result.name):
            raise Violation
        known = by_name.get(result.name)
        by_name[result.name] = result if known is None else _better(known, result)
    ordered = sorted(by_name.values(), key=lambda one: one.name, reverse=_is_descending(single))
    if single.get(_SORT) == _BY_SCORE:
        ordered.sort(key=lambda one: -(one.score or 0.0))
    if not _is_true(single.get(SCORE, "")):
        ordered = [msgspec.structs.replace(one, score=None) for one in ordered]
    cut = ordered[: _number(single, endpoints.LIMIT)]
    warnings = sorted({*missing, *(text for part in parts for text in part.warnings)})
    has_more = len(cut) < len(ordered) or any(part.has_more for part in parts)
    return _lines(cut, _number(single, "batch_size"), warnings, has_more=has_more)


def read(body: bytes) -> Found:
    """Read one shard's answer. Raises NotAnAnswer, and `Failure` where it did not come to an end."""
    lines = [search_lines.read(line) for line in body.splitlines()]
    if not lines or not body.endswith(b"\n") or lines[-1].status not in ("success", "error"):
        raise NotAnAnswer
    if lines[-1].status == "error":
        text = backend_errors.cleaned("upstream_execution", lines[-1].error)
        raise Failure("upstream_execution", text)
    return Found(
        results=[one for line in lines for one in line.results or ()],
        has_more=bool(lines[-1].has_more),
        warnings=[text for line in lines for text in line.warnings],
    )


def _better(one: Result, other: Result) -> Result:
    """Return the result of a name that two shards found: the greater score, and what is known of it."""
    scores = [score for score in (one.score, other.score) if score is not None]
    described = one if one.type or not other.type else other
    return msgspec.structs.replace(described, score=max(scores, default=None))


def _is_descending(single: Mapping[str, str]) -> bool:
    return single.get(_SORT) == "alpha" and single.get("sort_dir") == "dsc"


def _is_true(text: str) -> bool:
    """Read a truth value as Go does (strconv.ParseBool)."""
    return text in ("1", "t", "T", "TRUE", "true", "True")


def _number(single: Mapping[str, str], name: str) -> int:
    return int(single.get(name, "0")) or _USUAL


def _lines(
    results: Sequence[Result], at_once: int, warnings: list[str], *, has_more: bool
) -> bytes:
    batches = [list(results[at : at + at_once]) for at in range(0, len(results), at_once)] or [[]]
    first, *others = batches
    lines = [
        Line(results=first, warnings=warnings),
        *(Line(results=batch) for batch in others),
        Line(status="success", has_more=has_more),
    ]
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
