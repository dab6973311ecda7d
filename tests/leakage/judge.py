"""Whether something has leaked: into an answer, or into what was sent to Prometheus.

What was sent is judged by evaluating its matchers on label sets, in the plainest way, and not by the
library that rewrote it: whatever a selector accepts, the rules must accept.
"""

import functools
import itertools
import re
from collections.abc import Iterable

from tests.leakage import victim
from tests.leakage.recorder import Reached
from tests.oracle.promql.permitted import Rule, is_permitted

import tenantry_promql as promql
from tenantry_common import snappy_block
from tenantry_common.proto import remote_pb2
from tenantry_promql import Matcher, parse_rule, parse_selector
from tenantry_promql.containment import reads
from tenantry_promql.reader import read

_LIMITS = promql.Limits(query_bytes=1 << 20, depth=1000)
"""What is sent may be longer than what is taken."""
_OPS = ("=", "!=", "=~", "!~")
_PARAMETERS: dict[str, set[str]] = {
    "/api/v1/query": {"query", "time", "timeout", "lookback_delta", "limit"},
    "/api/v1/query_range": {"query", "start", "end", "step", "timeout", "lookback_delta", "limit"},
    "/api/v1/query_exemplars": {"query", "start", "end"},
    "/api/v1/series": {"match[]", "start", "end"},
    "/api/v1/labels": {"match[]", "start", "end"},
    "/api/v1/label/*/values": {"match[]", "start", "end"},
    "/api/v1/metadata": {"metric"},
    "/api/v1/targets/metadata": {"metric"},
    "/api/v1/rules": set(),
    "/federate": {"match[]"},
    "/api/v1/read": set(),
}
_LABEL = re.compile(r"/api/v1/label/[a-zA-Z_][a-zA-Z0-9_]*/values")
_RESTRICTED = {"/api/v1/series", "/api/v1/labels", "/api/v1/label/*/values", "/federate"}
_HEADERS = {
    "Host",
    "Accept",
    "Accept-Encoding",
    "User-Agent",
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "X-Prometheus-Remote-Read-Version",
    "traceparent",
}


def label_sets() -> list[dict[str, str]]:
    """Return what is stored, and variations of it: a label taken away, or given another's value."""
    stored = victim.series()
    values: dict[str, set[str]] = {}
    for labels in stored:
        for name, value in labels.items():
            values.setdefault(name, {"", "other"}).add(value)
    found = list(stored)
    for labels in stored:
        for name, options in values.items():
            found += [{**labels, name: value} for value in options]
    for team, space, secret in itertools.product(("", "a"), ("", "shop", "bank"), ("", "x")):
        found.append({"__name__": "new", "team": team, "namespace": space, "secret": secret})
    return [{name: value for name, value in labels.items() if value} for labels in found]


_LABEL_SETS = label_sets()


def rules_of(tenant: str) -> tuple[Rule, ...]:
    """Return the rules of one of the tenants, without any simplification."""
    return tuple(parse_rule(text) for text in victim.TENANTS[tenant])


@functools.lru_cache(maxsize=100_000)
def too_wide(selector: Rule, rules: tuple[Rule, ...]) -> dict[str, str] | None:
    """Return a label set that a selector accepts and the rules do not, None where there is none."""
    for labels in _LABEL_SETS:
        if is_permitted(labels, [selector]) and not is_permitted(labels, rules):
            return labels
    return None


def sent(reached: Iterable[Reached], tenant: str) -> list[str]:
    """Return what is wrong with the requests that reached Prometheus on behalf of `tenant`."""
    rules = rules_of(tenant)
    found: list[str] = []
    for request in reached:
        found += [f"{request.method} {request.path}: {text}" for text in _wrong(request, rules)]
    return found


def _wrong(request: Reached, rules: tuple[Rule, ...]) -> list[str]:
    path = "/api/v1/label/*/values" if _LABEL.fullmatch(request.path) else request.path
    if path not in _PARAMETERS:
        return ["not a path that is asked for"]
    names = [name for name, _ in request.pairs]
    found = [f"parameter {name}" for name in set(names) - _PARAMETERS[path]]
    found += [f"header {name}" for name in set(request.headers) - _HEADERS]
    single = [name for name in names if name != "match[]"]
    if len(set(single)) < len(single):
        found.append("a parameter twice")
    if path in _RESTRICTED and "match[]" not in names:
        found.append("no selector at all")
    for selector in selectors(request):
        if (labels := too_wide(selector, rules)) is not None:
            found.append(f"{selector} accepts {labels}")
    return found


def selectors(request: Reached) -> list[tuple[Matcher, ...]]:
    """Return everything that a request selects."""
    found: list[tuple[Matcher, ...]] = []
    for name, value in request.pairs:
        if name == "match[]":
            found.append(parse_selector(value))
        elif name == "query":
            found += reads(read(value, _LIMITS))
    if request.path == "/api/v1/read":
        found += _of_remote_read(request.body)
    return found


def _of_remote_read(block: bytes) -> list[tuple[Matcher, ...]]:
    """Return the matchers without those that a server may ignore because of its external labels."""
    message = remote_pb2.ReadRequest.FromString(snappy_block.decompress(block, limit=1 << 20))
    return [
        tuple(
            Matcher(one.name, _OPS[one.type], one.value)  # type: ignore[arg-type]  # one of these
            for one in query.matchers
            if one.type != 0 or (one.name == "__name__" and one.value)
        )
        for query in message.queries
    ]


def answered(*parts: object) -> bool:
    """Return whether the victim's mark stands in an answer, in whatever case or escaping."""
    text = " ".join(
        part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part) for part in parts
    )
    return victim.MARK in text.lower()
