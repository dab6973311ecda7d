"""Type, help and unit of metrics: what of a backend's answer a tenant may see; pure.

Metadata belongs to families (`http_requests`), permissions to series (`http_requests_total`). An
entry is shown when the tenant sees a series of the family. Where the answer says of which target,
the series must carry all of the target's labels: else the entry would name the targets of others
that happen to have a metric of the same name.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

import tenantry_promql as promql
from query_gateway import endpoints, enforce
from query_gateway.answers import (
    Labels,
    Violation,
    decoded,
    decoded_names,
    decoded_series,
    envelope,
)
from query_gateway.calls import Call
from query_gateway.failures import Failure
from query_gateway.parameters import Arguments

KINDS = frozenset({"metadata", "targets metadata"})
"""The endpoints' answers that are made here."""

ACTIVE_SECONDS = 3600
"""Only running targets have metadata, and their series have samples in this time."""

_NAME = "__name__"
_SUFFIXES = {
    "counter": ("", "_total", "_created"),
    "histogram": ("", "_bucket", "_sum", "_count", "_created"),
    "gaugehistogram": ("", "_bucket", "_gsum", "_gcount"),
    "summary": ("", "_sum", "_count", "_created"),
    "info": ("", "_info"),
}
_EVERY_SUFFIX = tuple(sorted({suffix for some in _SUFFIXES.values() for suffix in some}))


class Entry(msgspec.Struct, frozen=True):
    """What is known of a family."""

    type: str
    help: str
    unit: str = ""


class MetadataAnswer(msgspec.Struct, frozen=True):
    """The answer of `metadata`."""

    status: str
    data: dict[str, list[Entry]] | None = None


class TargetEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one target says of a family; `metric` is absent where one was asked for."""

    target: Labels
    type: str
    help: str
    unit: str
    metric: str = ""


class TargetsAnswer(msgspec.Struct, frozen=True):
    """The answer of `targets/metadata`."""

    status: str
    data: list[TargetEntry] | None = None


_metadata = msgspec.json.Decoder(MetadataAnswer)
_targets = msgspec.json.Decoder(TargetsAnswer)


def calls(
    endpoint: endpoints.Endpoint,
    arguments: Arguments,
    rules: promql.RuleSet,
    upstream: promql.Upstream,
    limits: promql.Limits,
    *,
    now: float,
    timeout: float,
) -> tuple[Call, ...]:
    """Return what to ask: for the metadata, then for what the tenant sees. Raises `Failure`.

    These endpoints of Prometheus know no `timeout`.
    """
    del timeout
    metric = arguments.single.get(endpoints.METRIC, "")
    asked = ((endpoints.METRIC, metric),) if metric else ()
    chosen = enforce.selectors(_selectors(metric), rules, upstream, limits)
    seen = (
        *((endpoints.MATCH, one) for one in chosen),
        ("start", f"{now - ACTIVE_SECONDS:.3f}"),
    )
    metadata = Call(method="GET", path=endpoint.upstream, form=asked)
    if endpoint.answer == "metadata":
        return metadata, Call(method="GET", path=f"/api/v1/label/{_NAME}/values", form=seen)
    return metadata, Call(method="POST", path="/api/v1/series", form=seen)


def _selectors(metric: str) -> tuple[str, ...]:
    """Return a selector of all series that the family `metric` may have, none for every family."""
    if not metric:
        return ()
    return tuple(
        promql.format_selector((promql.Matcher(_NAME, "=", metric + suffix),))
        for suffix in _EVERY_SUFFIX
    )


def families(bodies: Sequence[bytes], arguments: Arguments, rules: promql.RuleSet) -> bytes:
    """Return the answer of `metadata`, sorted by family, cut to the limits.

    Raises `Violation` for a name that the tenant must not see.
    """
    answer = decoded(_metadata, bodies[0])
    names = frozenset(decoded_names(bodies[1]))
    possible = enforce.possible_values(_NAME, rules)
    if not all(possible.matches({_NAME: name}) for name in names):
        raise Violation
    limit = _limit(arguments, endpoints.LIMIT)
    each = _limit(arguments, endpoints.LIMIT_PER_METRIC) or None
    found: dict[str, list[Entry]] = {}
    for family, entries in sorted((answer.data or {}).items()):
        if limit is not None and len(found) >= limit:
            break
        if seen := [one for one in entries if not names.isdisjoint(_names(family, one.type))]:
            found[family] = seen[:each]
    return envelope(found)


def targets(bodies: Sequence[bytes], arguments: Arguments, rules: promql.RuleSet) -> bytes:
    """Return the answer of `targets/metadata`, in the backend's order, cut to the limit.

    Raises `Violation` for a series that the tenant must not see.
    """
    answer = decoded(_targets, bodies[0])
    series = decoded_series(bodies[1])
    if not all(map(rules.matches, series)):
        raise Violation
    asked = arguments.single.get(endpoints.METRIC, "")
    matches = _target_matcher(arguments.single.get(endpoints.MATCH_TARGET, ""))
    projections: dict[tuple[str, ...], frozenset[tuple[str, ...]]] = {}
    found: list[TargetEntry] = []
    for entry in answer.data or ():
        labels = tuple(sorted(entry.target))
        if labels not in projections:
            projections[labels] = _projection(series, labels)
        values = tuple(entry.target[label] for label in labels)
        names = _names(entry.metric or asked, entry.type)
        if matches(entry.target) and any((n, *values) in projections[labels] for n in names):
            found.append(entry)
    return envelope(found[: _limit(arguments, endpoints.LIMIT)])


def _projection(series: Iterable[Labels], labels: Sequence[str]) -> frozenset[tuple[str, ...]]:
    """Return for each series its name and the values of `labels`."""
    return frozenset(tuple(one.get(label, "") for label in (_NAME, *labels)) for one in series)


def _target_matcher(selector: str) -> Callable[[Labels], bool]:
    """Return what `match_target` asks of a target's labels. It is not sent: it is not a query."""
    if not selector:
        return lambda _: True
    try:
        return promql.RuleSet([promql.parse_selector(selector)]).matches
    except promql.PromQLError as error:
        raise Failure("syntax", f'invalid parameter "{endpoints.MATCH_TARGET}": {error}') from error


def _names(family: str, kind: str) -> tuple[str, ...]:
    """Return the names that series of a family may have."""
    return tuple(family + suffix for suffix in _SUFFIXES.get(kind, ("",)))


def _limit(arguments: Arguments, name: str) -> int | None:
    """Return a limit as Prometheus reads it on these endpoints: any negative one is none."""
    text = arguments.single.get(name, "")
    digits = text.removeprefix("-") or "x"
    if not text or (text.startswith("-") and digits.isascii() and digits.isdigit()):
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Failure("malformed", f"{name} must be a number")
    return int(text)
