"""The words that generated queries are made of, taken from what is stored; selectors of them."""

from collections.abc import Mapping, Sequence
from random import Random

from tests.oracle.promql.rulesets import NAME

from tenantry_promql import Matcher, format_selector

type Labels = Mapping[str, str]

GROUPING = ("job", "namespace", "instance", "zone", "team", "code", "method", "__name__", "nope")
DURATIONS = ("30s", "1m", "90s", "2m", "5m", "5m", "10m", "17m", "1h")
_TIMES = ("1750003600", "1750001234.567", "start()", "end()")
_COLLIDING = (
    "http_requests_total|http_errors_total",
    "node_load.*",
    "turn_.*",
    "relay_.*",
    "lonely.*",
    "scrape_.*|up",
    "special_.*",
    "queue_depth|replicas_wanted",
    "(?i)HTTP_.*_total",
    ".*_total",
    ".+",
)


def number(rng: Random) -> str:
    """Draw a literal."""
    literals = ("0", "1", "2", "0.5", "100", "3.25", "-1", "1e3", "NaN", "Inf", "5m", "0x10")
    return rng.choice(literals)


def selector(rng: Random, stored: Sequence[Labels]) -> str:
    """Draw `name{…}`, `{…}` or `{__name__=~…}`, most often one that selects something."""
    labels = rng.choice(stored)
    choice = rng.random()
    matchers = _matchers(rng, labels, rng.choice((0, 0, 0, 1, 1, 2, 3)))
    if choice < 0.84:
        return format_selector([Matcher(NAME, "=", labels[NAME]), *matchers])
    if choice < 0.9:
        names = f"{labels[NAME]}|{rng.choice(stored)[NAME]}"
        return format_selector([Matcher(NAME, "=~", names), *matchers])
    if choice < 0.95:
        names = rng.choice(_COLLIDING)
        return format_selector([Matcher(NAME, "=~", names), *_matchers(rng, labels, 1)])
    if not any(matcher.op == "=" and matcher.value for matcher in matchers):
        matchers = [*matchers, Matcher("job", "=", labels.get("job", "odd"))]
    return format_selector(matchers)


def _matchers(rng: Random, labels: Labels, count: int) -> list[Matcher]:
    known = [label for label in labels if label != NAME]
    # No label twice: what absent() makes of `x!="a",x="b"` depends, in Prometheus 3, on whether the
    # server has any sample at that time (PostingsForMatchers sorts the matchers of the selector).
    candidates = list(dict.fromkeys([*known, rng.choice(("namespace", "zone", "team", "nope"))]))
    chosen = rng.sample(candidates, min(count, len(candidates)))
    return [_matcher(rng, label, labels.get(label, "")) for label in chosen]


def _matcher(rng: Random, label: str, value: str) -> Matcher:
    word = value if value.isalnum() else (value[:1].isalnum() and value[:1]) or "."
    return rng.choice(
        (
            Matcher(label, "=", value),
            Matcher(label, "=", value),
            Matcher(label, "=", value),
            Matcher(label, "=~", f"{word}.*"),
            Matcher(label, "=~", f"{word}|shop|web"),
            Matcher(label, "=~", ".+"),
            Matcher(label, "=~", ".*"),
            Matcher(label, "!=", value),
            Matcher(label, "!=", "shop"),
            Matcher(label, "!~", f"{word}|"),
            Matcher(label, "!~", "[s-z].*"),
            Matcher(label, "=", ""),
        )
    )


def modifiers(rng: Random) -> str:
    """Draw `offset` and `@`, most often neither."""
    found = ""
    if rng.random() < 0.08:
        found += f" offset {rng.choice(('', '-'))}{rng.choice(DURATIONS)}"
    if rng.random() < 0.05:
        at = f" @ {rng.choice(_TIMES)}"
        found = rng.choice((found + at, at + found))
    return found


def labels(rng: Random) -> str:
    """Draw a list of labels for grouping or matching."""
    return f"({', '.join(rng.sample(GROUPING, rng.choice((0, 1, 1, 2, 3))))})"
