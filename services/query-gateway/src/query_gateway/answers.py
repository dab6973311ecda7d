"""Read the answers that are looked at as a whole, unite, check, sort and cut them; pure.

Results of queries that need one upstream request are streamed; of them, only a sample comes here.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

type Labels = dict[str, str]

TRUNCATED = "results truncated due to limit"


class NotAnAnswer(Exception):
    """A backend's body is not what the endpoint answers. Ask another backend."""


class Violation(Exception):
    """An answer holds what the tenant must not see. A bug: fail the request, count it, log it."""


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `labels` and `label/{name}/values`."""

    status: str
    data: list[str] | None = None
    warnings: list[str] = []
    infos: list[str] = []


class SeriesList(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `series`."""

    status: str
    data: list[Labels] | None = None
    warnings: list[str] = []
    infos: list[str] = []


class SeriesExemplars(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The exemplars of one series, as the backend wrote them."""

    series_labels: Labels
    exemplars: msgspec.Raw


class ExemplarsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `query_exemplars`."""

    status: str
    data: list[SeriesExemplars] | None = None
    warnings: list[str] = []
    infos: list[str] = []


class Element(msgspec.Struct, frozen=True, kw_only=True):
    """One element of a vector or matrix; what it is worth does not matter here."""

    metric: Labels = {}


class Elements(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a query that only chooses among series."""

    result: list[Element]


class ElementsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `query` and `query_range` for such a query."""

    status: str
    data: Elements


class Range(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One series of a matrix; the samples stay as the backend wrote them."""

    metric: Labels
    values: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    histograms: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Matrix(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The data of a range selector's answer."""

    result_type: str
    result: list[Range]


class MatrixAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `query` for a range selector."""

    status: str
    data: Matrix
    warnings: list[str] = []
    infos: list[str] = []


_names = msgspec.json.Decoder(Names)
_series = msgspec.json.Decoder(SeriesList)
_exemplars = msgspec.json.Decoder(ExemplarsAnswer)
_matrix = msgspec.json.Decoder(MatrixAnswer)
_elements = msgspec.json.Decoder(ElementsAnswer)


def names(body: bytes, limit: int, permitted: Callable[[str], bool]) -> bytes:
    """Return the answer with its names or values sorted and cut to `limit` (0: all).

    Raises `Violation` for one that is not `permitted`.
    """
    answer = decoded(_names, body)
    found = sorted(set(answer.data or ()))
    if not all(map(permitted, found)):
        raise Violation
    return _envelope(found, limit, answer)


def decoded_names(body: bytes) -> list[str]:
    """Return the names or values of an answer. Raises `NotAnAnswer`."""
    return decoded(_names, body).data or []


def decoded_series(body: bytes) -> list[Labels]:
    """Return the series of an answer. Raises `NotAnAnswer`."""
    return decoded(_series, body).data or []


def series(body: bytes, limit: int, permitted: Callable[[Labels], bool]) -> bytes:
    """Return the answer with its series sorted and cut to `limit` (0: all).

    Raises `Violation` for one that is not `permitted`.
    """
    answer = decoded(_series, body)
    found = answer.data or []
    if not all(map(permitted, found)):
        raise Violation
    ordered: list[Labels] = sorted(found, key=_order)
    return _envelope(ordered, limit, answer)


def exemplars(bodies: Sequence[bytes], permitted: Callable[[Labels], bool]) -> bytes:
    """Return the union of answers of `query_exemplars`, sorted by the series' labels.

    Prometheus answers without any body where a query selects nothing.

    Raises `Violation` for a series that is not `permitted`.
    """
    parts = [decoded(_exemplars, body) for body in bodies if body]
    united = {_order(one.series_labels): one for part in parts for one in part.data or ()}
    if not all(permitted(one.series_labels) for one in united.values()):
        raise Violation
    found = [united[key] for key in sorted(united)]
    warnings = [text for part in parts for text in part.warnings]
    infos = [text for part in parts for text in part.infos]
    return _encoded(found, warnings, infos, truncated=False)


def check(body: bytes, permitted: Callable[[Labels], bool]) -> None:
    """Check the answer to a query that only chooses among series, so that its labels are stored ones.

    Raises `Violation` for a series that is not `permitted`.
    """
    answer = decoded(_elements, body)
    if not all(permitted(one.metric) for one in answer.data.result):
        raise Violation


def matrices(bodies: Sequence[bytes], limit: int, permitted: Callable[[Labels], bool]) -> bytes:
    """Return the union of range selectors' answers, which were evaluated at one time.

    A series that several answers hold has the same samples in each. Sorted by labels, cut to
    `limit` series (0: all). Raises `Violation` for a series that is not `permitted`.
    """
    parts = [decoded(_matrix, body) for body in bodies]
    if any(part.data.result_type != "matrix" for part in parts):
        raise NotAnAnswer
    united = {_order(one.metric): one for part in parts for one in part.data.result}
    if not all(permitted(one.metric) for one in united.values()):
        raise Violation
    ordered = [united[key] for key in sorted(united)]
    cut = ordered[:limit] if limit else ordered
    data = Matrix(result_type="matrix", result=cut)
    warnings = [text for part in parts for text in part.warnings]
    infos = [text for part in parts for text in part.infos]
    return _encoded(data, warnings, infos, truncated=len(cut) < len(ordered))


def _order(labels: Labels) -> tuple[tuple[str, str], ...]:
    """Prometheus' order of label sets: pair by pair, sorted by name."""
    return tuple(sorted(labels.items()))


class HasStatus(Protocol):
    """Whatever Prometheus answers."""

    @property
    def status(self) -> str:
        """`success`, unless it is no answer."""
        ...


def decoded[T: HasStatus](decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Read an answer. Raises `NotAnAnswer`."""
    try:
        answer = decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotAnAnswer from error
    if answer.status != "success":
        raise NotAnAnswer
    return answer


def _envelope(data: Sequence[object], limit: int, answer: Names | SeriesList) -> bytes:
    cut = data[:limit] if limit else data
    return _encoded(cut, answer.warnings, answer.infos, truncated=len(cut) < len(data))


def _encoded(data: object, warnings: list[str], infos: list[str], *, truncated: bool) -> bytes:
    more = [*warnings, TRUNCATED] if truncated else warnings
    return envelope(data, more, infos)


def envelope(data: object, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> bytes:
    """Write an answer: what it says, and each warning and remark once."""
    found: dict[str, object] = {"status": "success", "data": data}
    if warnings:
        found["warnings"] = sorted(set(warnings))
    if infos:
        found["infos"] = sorted(set(infos))
    return msgspec.json.encode(found)
