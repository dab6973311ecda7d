"""Rule lists and label sets to relabel, drawn from a small vocabulary so that they meet.

Left out is where Prometheus 2 and 3 differ: names that are no classic names, newlines, and the order
in which `labelmap` meets labels.
"""

import random
from typing import Any

from tenantry_common.contracts import RelabelRule

NAMES = ("a", "b", "c", "none", "__tmp_x", "job")
VALUES = ("foo", "FOO", "bar", "bar;", "x-1", "Straße", "É.ü", "10.0.0.1:9090", "$1", "a" * 300)
REGEXES = (
    "(.*)",
    "",
    "f(o+)",
    "(?i:FOO)|bar",
    "(.+);(.*)",
    "(?P<first>.).*",
    "[a-c]",
    r"\w+",
    ".+",
    r"(\d+)\.(\d+).*:(\d+)",
)
REPLACEMENTS = ("$1", "", "v", "${1}_$2", "$$x$", "${first}$1", "$10", "${3}-$2")


def sources(rng: random.Random) -> tuple[str, ...]:
    """Return up to two labels to read from."""
    return tuple(rng.sample(NAMES, rng.randint(0, 2)))


RULES = {
    "replace": lambda rng: RelabelRule(
        source_labels=sources(rng),
        separator=rng.choice((";", "", "-")),
        regex=rng.choice(REGEXES),
        target_label=rng.choice(NAMES),
        replacement=rng.choice(REPLACEMENTS),
    ),
    "replace with a drawn target": lambda rng: RelabelRule(
        source_labels=("b",), regex="([a-z]*)", target_label="t_${1}", replacement="$1x"
    ),
    "keep": lambda rng: RelabelRule(
        source_labels=sources(rng), regex=rng.choice((".*", ".*", "[^x]*")), action="keep"
    ),
    "drop": lambda rng: RelabelRule(
        source_labels=sources(rng), regex=rng.choice(("x.*", "bar;?", "(?i)é.*")), action="drop"
    ),
    "keepequal": lambda rng: RelabelRule(
        source_labels=("none",), target_label=rng.choice(("none", "c")), action="keepequal"
    ),
    "dropequal": lambda rng: RelabelRule(
        source_labels=("a",), target_label=rng.choice(("a", "b")), action="dropequal"
    ),
    "hashmod": lambda rng: RelabelRule(
        source_labels=sources(rng),
        target_label="h",
        modulus=rng.choice((7, 1 << 40)),
        action="hashmod",
    ),
    "labelmap": lambda rng: RelabelRule(
        regex="([abh])", replacement=rng.choice(("x_$1", "${1}_y")), action="labelmap"
    ),
    "labeldrop": lambda rng: RelabelRule(regex=rng.choice(("[ab]", "__tmp.*")), action="labeldrop"),
    "labelkeep": lambda rng: RelabelRule(regex="__name__|[a-c]|job|.*_.*", action="labelkeep"),
    "lowercase": lambda rng: RelabelRule(
        source_labels=sources(rng), target_label=rng.choice(NAMES), action="lowercase"
    ),
    "uppercase": lambda rng: RelabelRule(
        source_labels=sources(rng), target_label=rng.choice(NAMES), action="uppercase"
    ),
}
"""One rule each that Prometheus accepts and that keeps label names classic."""


def rules_of(case: int) -> tuple[RelabelRule, ...]:
    """Return the rules of a case; the last one names the case, so that its series can be found."""
    rng = random.Random(case)  # noqa: S311  # the same rules in every run
    kinds = sorted(RULES)
    drawn = [RULES[rng.choice(kinds)](rng) for _ in range(rng.randint(1, 4))]
    return (*drawn, RelabelRule(target_label="case", replacement=str(case)))


def label_sets(case: int, count: int) -> tuple[dict[str, str], ...]:
    """Return what the target of a case exposes, no label set twice."""
    rng = random.Random(-1 - case)  # noqa: S311  # the same label sets in every run
    found: dict[frozenset[tuple[str, str]], dict[str, str]] = {}
    while len(found) < count:
        labels = {"__name__": rng.choice(("m", "n"))}
        labels |= {name: rng.choice(VALUES) for name in ("a", "b", "c") if rng.random() < 0.7}
        found[frozenset(labels.items())] = labels
    return tuple(found.values())


def as_config(rule: RelabelRule) -> dict[str, Any]:
    """Return a rule in the words of prometheus.yml, without what is Prometheus' default."""
    config = {
        "source_labels": list(rule.source_labels) or None,
        "separator": rule.separator,
        "regex": rule.regex,
        "modulus": rule.modulus,
        "target_label": rule.target_label,
        "replacement": rule.replacement,
        "action": rule.action,
    }
    defaults = RelabelRule()
    return {k: v for k, v in config.items() if v and v != getattr(defaults, k)} | {
        k: v for k, v in config.items() if v == "" and getattr(defaults, k)
    }
