"""Random rule sets: what tenants are given, and what nobody in their right mind would give them.

Rules are made from series that exist, so that most of them permit something and many overlap.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from tests.oracle.promql.permitted import Rule

from tenantry_promql import Matcher, RuleSet, format_selector, parse_rule
from tenantry_promql.syntax import MatchOp

type Labels = Mapping[str, str]

NAME = "__name__"


@dataclass(frozen=True)
class Given:
    """A rule set twice: as the oracle applies it, and as the library has it."""

    kind: str
    rules: tuple[Rule, ...]
    compiled: RuleSet

    def texts(self) -> list[str]:
        """Return the rules as they were before any simplification, for people."""
        return [format_selector(rule) for rule in self.rules]


def given(kind: str, rules: Sequence[Rule]) -> Given:
    """Compile rules, the plain names and selectors among them by way of their texts."""
    return Given(kind, tuple(rules), RuleSet([_by_way_of_text(rule) for rule in rules]))


def draw(rng: Random, stored: Sequence[Labels], only: Sequence[str] = ()) -> Given:
    """Draw one rule set of one of the kinds, or of those named in `only`."""
    kinds = only or list(_KINDS)
    (kind,) = rng.choices(kinds, [_KINDS[one][1] for one in kinds])
    return given(kind, _KINDS[kind][0](rng, stored))


def _by_way_of_text(rule: Rule) -> Rule:
    """Read the rule from its text, as policies do, where it has one that says the same."""
    if not rule:
        return rule
    names = [matcher for matcher in rule if matcher.label == NAME]
    if len(rule) == 1 and names and names[0].op == "=~" and "{" not in names[0].value:
        read = parse_rule(names[0].value)
    else:
        read = parse_rule(format_selector(rule))
    if sorted(read) != sorted(rule) and not _same_name(read, rule):
        raise AssertionError(f"{rule} was read as {read}")
    return read


def _same_name(read: Rule, rule: Rule) -> bool:
    """Whether the only difference is `=~"name"` read as `="name"`."""
    return [(one.label, one.value) for one in read] == [(one.label, one.value) for one in rule]


# --- kinds


def _everything(_: Random, __: Sequence[Labels]) -> list[Rule]:
    return [()]


def _nothing(rng: Random, _: Sequence[Labels]) -> list[Rule]:
    return [(Matcher("job", "=", "no-such-job"),)] if rng.random() < 0.5 else []


def _names(rng: Random, stored: Sequence[Labels]) -> list[Rule]:
    """Metric names and expressions for them, as most tenants have."""
    return [(_name(rng, stored),) for _ in range(rng.randint(1, 12))]


def _labels(rng: Random, stored: Sequence[Labels]) -> list[Rule]:
    """Whole namespaces, teams and so on, whatever the metric."""
    return [
        _conditions(rng, rng.choice(stored), rng.randint(1, 2)) for _ in range(rng.randint(1, 5))
    ]


def _namespaced(rng: Random, stored: Sequence[Labels]) -> list[Rule]:
    """The same condition with each of several names."""
    shared = _conditions(rng, rng.choice(stored), 1)
    return [(_name(rng, stored), *shared) for _ in range(rng.randint(1, 10))]


def _nested(rng: Random, stored: Sequence[Labels]) -> list[Rule]:
    """A condition for all metrics, and single metrics beyond it: comparable names."""
    rules = [_conditions(rng, rng.choice(stored), 1)]
    prefix = _prefix(rng, rng.choice(stored)[NAME])
    rules.append((Matcher(NAME, "=~", f"{prefix}.*"), *_conditions(rng, rng.choice(stored), 1)))
    for _ in range(rng.randint(0, 3)):
        inside = [one[NAME] for one in stored if one[NAME].startswith(prefix)]
        name = Matcher(NAME, "=", rng.choice(inside))
        rules.append((name, *_conditions(rng, rng.choice(stored), rng.randint(0, 1))))
    return rules


def _any(rng: Random, stored: Sequence[Labels]) -> list[Rule]:
    """Anything: incomparable names, contradictions, what repeats or contains another rule."""
    rules: list[Rule] = []
    for _ in range(rng.randint(1, 12)):
        labels = rng.choice(stored)
        rule = _conditions(rng, labels, rng.randint(0, 3))
        if rng.random() < 0.6 or not rule:
            rule = (_name(rng, stored, labels), *rule)
        rules.append(rule)
    if rng.random() < 0.2:
        rules.append(rng.choice(rules))
    return rules


_FAMILIES = (
    ("turn_even", "turn_odd", "turn_always"),
    ("relay_even", "relay_odd"),
    ("http_requests_total", "http_errors_total"),
    ("node_load1", "node_load5", "node_memory_free_bytes", "node_memory_total_bytes"),
    ("queue_depth", "replicas_wanted"),
    ("special_values", "special_twins"),
    ("up", "scrape_duration_seconds", "scrape_samples_scraped", "http_inflight"),
    ("rpc_seconds", "rpc_twin_seconds", "rpc_mixed_seconds"),
    ("texts", "texts_too"),
)
_WIDE = (
    Matcher("namespace", "=", "shop"),
    Matcher("job", "=~", "web|turns"),
    Matcher("zone", "!=", "eu-2"),
    Matcher("instance", "=~", "10.*"),
    Matcher("team", "!=", "green"),
    Matcher("namespace", "!~", "shop-.*"),
    Matcher("no_such_label", "=", ""),
)
"""Conditions that overlap, so that what is permitted collides."""


def _colliding(rng: Random, stored: Sequence[Labels]) -> list[Rule]:
    """Names that share label sets, each under another condition: incomparable names that collide."""
    family = rng.choice(_FAMILIES)
    members = [labels for labels in stored if labels[NAME] in family] or list(stored)
    rules: list[Rule] = []
    for _ in range(rng.randint(2, 5)):
        names = sorted({rng.choice(family) for _ in range(rng.randint(1, 2))})
        name = Matcher(NAME, "=~" if len(names) > 1 else "=", "|".join(names))
        if rng.random() < 0.7:
            rules.append((name, rng.choice(_WIDE)))
        else:
            rules.append((name, *_conditions(rng, rng.choice(members), 1)))
    return rules


_TEXT_EXPRESSIONS = (
    "a.b", "new.line", ".*\n.*", "(?s).*line", "(?-s)a.b", "[^a]*", "[^x]+", "\\w+", "\\W+", ".*\\s.*",
    "(?i)UPPER", "(?i)k.*", "(?i)[j-k]", "(?i)ünïcode", "(?i)s.*", "\\p{Han}+", "\\PL+", "\\d+", ".", "..?",
    "x{10,}", "^plain$", "a|b|", "(?:a|b).?", "a\\.b", "a\\|b", "\\$1|\\$\\{1\\}", "/api/v[12]/.*",
    "[aA]|B", "(?i)s.*|b", ".*(?i:k)", "(?i)(ke.+|kb.+)", ".*\\|(foo)\\|.*", "(a|A)|b",
    "(?i)(fi|v1|v2|v3|v4|v5|v6|v7|v8|v9|v10|v11|v12|v13|v14|v15)", "[[:alpha:]]+", ".*[^ -~].*", "(?i:N)aN", "\\x61.*", "\\x{1F642}|emoji.*", "\\Qa.b\\E", "",
)  # fmt: skip


def _texts(rng: Random, stored: Sequence[Labels]) -> list[Rule]:
    """Expressions about values that hold anything: newlines, metacharacters, other scripts."""
    rules: list[Rule] = []
    values = [labels["text"] for labels in stored if "text" in labels]
    for _ in range(rng.randint(1, 3)):
        op: MatchOp = rng.choice(("=~", "=~", "!~"))
        rule = [Matcher("text", op, rng.choice(_TEXT_EXPRESSIONS))]
        if rng.random() < 0.2:
            rule = [Matcher("text", rng.choice(("=", "!=")), rng.choice(values))]
        if rng.random() < 0.5:
            rule.append(Matcher(NAME, "=~", rng.choice(("texts", "texts.*", "texts_too|up"))))
        rules.append(tuple(rule))
    return rules


_KINDS: dict[str, tuple[Callable[[Random, Sequence[Labels]], list[Rule]], float]] = {
    "everything": (_everything, 0.02),
    "nothing": (_nothing, 0.03),
    "names": (_names, 0.25),
    "labels": (_labels, 0.2),
    "namespaced": (_namespaced, 0.2),
    "nested": (_nested, 0.1),
    "any": (_any, 0.2),
    "texts": (_texts, 0.08),
    "colliding": (_colliding, 0.06),
}


# --- matchers


def _name(rng: Random, stored: Sequence[Labels], labels: Labels | None = None) -> Matcher:
    """Draw a condition on the name, most often one that a certain series satisfies."""
    name = (labels or rng.choice(stored))[NAME]
    other = rng.choice(stored)[NAME]
    choice = rng.random()
    if choice < 0.55:
        return Matcher(NAME, "=", name)
    if choice < 0.75:
        return Matcher(NAME, "=~", f"{_quoted(_prefix(rng, name))}.*")
    if choice < 0.85:
        return Matcher(NAME, "=~", f"{_quoted(name)}|{_quoted(other)}")
    if choice < 0.9:
        return Matcher(NAME, "=~", f".*{_quoted(name[-6:])}")
    if choice < 0.95:
        return Matcher(NAME, "!=", other)
    return Matcher(NAME, "!~", f"{_quoted(_prefix(rng, other))}.+")


def _prefix(rng: Random, name: str) -> str:
    words = name.split("_")
    return "_".join(words[: rng.randint(1, len(words))])


def _conditions(rng: Random, labels: Labels, count: int) -> Rule:
    """Draw conditions on labels that a series has, or has not."""
    candidates = [label for label in labels if label != NAME]
    candidates += [rng.choice(("namespace", "zone", "team", "no_such_label"))]
    chosen = rng.sample(candidates, min(count, len(candidates)))
    return tuple(_condition(rng, label, labels.get(label, "")) for label in dict.fromkeys(chosen))


def _condition(rng: Random, label: str, value: str) -> Matcher:
    quoted = _quoted(value)
    choices = (
        (8, "=", value),
        (3, "=~", f"{quoted[:2]}.*" if quoted[:2].isalnum() else ".+"),
        (2, "=~", f"{quoted}|no-such-value"),
        (1, "=~", f"(?i){quoted.upper()}" if quoted.isalnum() else f"(?:{quoted})"),
        (1, "=~", f"{quoted}|"),
        (1, "=~", ".+"),
        (1, "=~", r"[a-z\d-]+(\..*)?"),
        (1, "=~", "(.|x)[^z]*"),
        (1, "!=", value),
        (2, "!=", "shop"),
        (1, "!=", ""),
        (1, "!~", f"{quoted}|"),
        (1, "!~", "[sp].*"),
        (1, "!~", ".+"),
        (1, "=", ""),
    )
    ((_, op, operand),) = rng.choices(choices, [weight for weight, _, _ in choices])
    if op == "=":
        return Matcher(label, "=", operand)
    if op == "!=":
        return Matcher(label, "!=", operand)
    return Matcher(label, "=~" if op == "=~" else "!~", operand)


def _quoted(value: str) -> str:
    return "".join(f"\\{one}" if one in r"\.+*?()|[]{}^$" else one for one in value)
