"""From the parameters of a request to the parameters of its upstream requests; pure.

What goes upstream is built here from parsed values and the enforcer's output; nothing is copied.
"""

import msgspec

import tenantry_promql as promql
from query_gateway import endpoints, enforce, extra_filters, federation, label_names
from query_gateway.calls import AS_JSON, AS_JSON_OR_NOTHING, AS_LINES, Call, Media
from query_gateway.endpoints import Endpoint
from query_gateway.failures import Failure
from query_gateway.form import Pairs

_EVERYTHING = promql.RuleSet([()])
_LIMIT_DIGITS = 19  # what is longer does not fit into Prometheus' integers


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of one request that its endpoint knows, each read once."""

    single: dict[str, str]
    """Single-valued parameters that are not empty. Prometheus takes empty for absent."""
    selectors: tuple[str, ...] = ()
    """The values of `match[]`, where they select series."""
    several: dict[str, tuple[str, ...]] = {}
    """The values of other parameters that may occur several times."""
    label: str = ""
    """The label in the path of `label/{name}/values`, unescaped."""
    accept: str = ""
    """The header `Accept`."""
    message: bytes = b""
    """The body, where it is no form."""

    @property
    def limit(self) -> int:
        """`limit` as the gateway applies it; 0 is none. Raises `Failure` in Prometheus' words."""
        text = self.single.get(endpoints.LIMIT, "0")
        if not (text.isascii() and text.removeprefix("+").isdigit() and len(text) < _LIMIT_DIGITS):
            raise Failure(
                "malformed", f'invalid parameter "limit": "{text}" is not a non-negative integer'
            )
        return int(text)


def read(
    endpoint: Endpoint,
    url: Pairs,
    body: Pairs,
    label: str = "",
    *,
    accept: str = "",
    message: bytes = b"",
) -> Arguments:
    """Return what `endpoint` knows of the parameters in the URL and in the body.

    Raises `Failure` for a single-valued parameter that occurs twice, even with equal values.
    """
    single: dict[str, str] = {}
    selectors: list[str] = []
    several: dict[str, tuple[str, ...]] = {}
    for name, value in (*url, *body):
        if name == endpoints.MATCH and endpoint.selectors != "none":
            selectors.append(value)
        elif name in endpoint.several:
            several[name] = (*several.get(name, ()), value)
        elif name in endpoint.single:
            if name in single:
                raise Failure("malformed", f'parameter "{name}" occurs more than once')
            single[name] = value
    if endpoint.selectors == "required" and not selectors:
        raise Failure("malformed", "no match[] parameter provided")
    return Arguments(
        single={name: value for name, value in single.items() if value},
        selectors=tuple(selectors),
        several=several,
        label=label_names.unescape(label),
        accept=accept,
        message=message,
    )


def calls(
    endpoint: Endpoint,
    arguments: Arguments,
    rules: promql.RuleSet,
    upstream: promql.Upstream,
    limits: promql.Limits,
    *,
    now: float,
    timeout: float,
    takes_filters: bool = False,
) -> tuple[Call, ...]:
    """Return the requests that answer `arguments` from what `rules` permit; at least one.

    Several are answered at one time and their answers united, see `enforce.query`.
    `now` (seconds since the epoch) is when pieces without a `time` are evaluated, `timeout`
    (seconds) what a backend may take where the tenant says nothing; `takes_filters` says that it
    restricts queries by `extra_filters[]`. Raises `Failure`.
    """
    if upstream.major < endpoint.since:
        raise Failure("unknown_endpoint", "the backend is too old to have this endpoint")
    path = _path(endpoint, arguments, upstream)
    passed = _passed(endpoint, arguments, timeout)
    filters = extra_filters.of(rules) if takes_filters and endpoint.answer == "stream" else None
    if filters is not None:
        text = arguments.single.get(endpoints.QUERY, "")
        (query,) = enforce.query(text, _EVERYTHING, upstream, limits)
        restricted = tuple((extra_filters.PARAMETER, one) for one in filters)
        forms = [((endpoints.QUERY, query), *passed, *restricted)]
    elif endpoint.takes_query:
        forms = _queries(endpoint, arguments, rules, upstream, limits, passed, now)
    elif endpoint.selectors == "none":
        forms = [passed]
    else:
        chosen = _selectors(endpoint, arguments, rules, upstream, limits)
        forms = [(*((endpoints.MATCH, one) for one in chosen), *passed)]
    media = _media(endpoint, arguments)
    return tuple(
        Call(method=endpoint.upstream_method, path=path, form=form, media=media) for form in forms
    )


def _queries(
    endpoint: Endpoint,
    arguments: Arguments,
    rules: promql.RuleSet,
    upstream: promql.Upstream,
    limits: promql.Limits,
    passed: Pairs,
    now: float,
) -> list[Pairs]:
    text = arguments.single.get(endpoints.QUERY, "")
    if endpoint.answer == "exemplars":
        queries = enforce.exemplars(text, rules, upstream, limits)
        return [((endpoints.QUERY, one), *passed) for one in queries]
    queries = enforce.query(text, rules, upstream, limits)
    if endpoints.TIME not in endpoint.passed:
        # Several pieces are a range selector, which a range query does not take: the backend
        # says so in answer to the first.
        queries = queries[:1]
    if len(queries) > 1:
        more = dict(passed)
        more.setdefault(endpoints.TIME, f"{now:.3f}")
        more.pop(endpoints.LIMIT, None)  # applied to the union
        passed = tuple(more.items())
    return [((endpoints.QUERY, one), *passed) for one in queries]


def _selectors(
    endpoint: Endpoint,
    arguments: Arguments,
    rules: promql.RuleSet,
    upstream: promql.Upstream,
    limits: promql.Limits,
) -> tuple[str, ...]:
    if endpoint.selectors == "given" and not arguments.selectors:
        return (enforce.nothing(),)
    return enforce.selectors(arguments.selectors, rules, upstream, limits)


def _media(endpoint: Endpoint, arguments: Arguments) -> Media:
    match endpoint.answer:
        case "federation":
            return federation.media(arguments.accept)
        case "search":
            return AS_LINES
        case "exemplars":
            return AS_JSON_OR_NOTHING
        case _:
            return AS_JSON


def _passed(endpoint: Endpoint, arguments: Arguments, timeout: float) -> Pairs:
    passed = {name: value for name, value in arguments.single.items() if name in endpoint.passed}
    if endpoints.TIMEOUT in endpoint.passed:
        passed.setdefault(endpoints.TIMEOUT, f"{timeout:g}s")
    several = [
        (name, value)
        for name, values in sorted(arguments.several.items())
        if name in endpoint.passed_several
        for value in values
    ]
    return (*sorted(passed.items()), *several)


def _path(endpoint: Endpoint, arguments: Arguments, upstream: promql.Upstream) -> str:
    if "{name}" not in endpoint.upstream:
        return endpoint.upstream
    label = arguments.label
    if not label or (upstream.major < 3 and not label_names.is_legacy(label)):
        raise Failure("malformed", f'invalid label name: "{label}"')
    segment = label if upstream.major < 3 else label_names.escape(label)
    return endpoint.upstream.replace("{name}", segment)
