"""Prometheus' relabelling: validate rules, compile them, apply them to label sets; pure.

Follows `model/relabel/relabel.go` of Prometheus 3, which differs from 2.x in two corners: the dot
of a regular expression meets a newline, and label names may be any text. Regular expressions are
RE2, anchored at both ends. As in Prometheus' own metric relabelling, labels that begin with ``__``
(such as scratch labels ``__tmp_x``) stay unless a later rule drops them, and a label whose value
becomes empty is gone.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, assert_never, get_args

from tenantry_common import contracts, relabel_regex, relabel_template
from tenantry_common.contracts import RelabelRule

type Action = Literal[
    "replace",
    "keep",
    "drop",
    "keepequal",
    "dropequal",
    "hashmod",
    "labelmap",
    "labeldrop",
    "labelkeep",
    "lowercase",
    "uppercase",
]

ACTIONS: Mapping[str, Action] = {action: action for action in get_args(Action.__value__)}
_DEFAULT = RelabelRule()
_TARGETED = ("replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal")
_WITHOUT_REPLACEMENT = ("lowercase", "uppercase", "keepequal", "dropequal")


def validate(rules: Sequence[RelabelRule], path: str) -> tuple[contracts.Problem, ...]:
    """Return what is wrong with `rules`, in Prometheus' words; `path` is where the list stands."""
    return tuple(
        contracts.Problem(path=f"{path}[{index}]", message=message)
        for index, rule in enumerate(rules)
        if (message := _problem(rule))
    )


def _problem(rule: RelabelRule) -> str:
    """Return the first thing wrong with one rule, or an empty text."""
    if not rule.action:
        return "relabel action cannot be empty"
    action = ACTIONS.get(rule.action.lower())
    if action is None:
        return f'unknown relabel action "{rule.action}"'
    if message := relabel_regex.problem(rule.regex):
        return message
    return _target_problem(rule, action) or _needless_problem(rule, action)


def _target_problem(rule: RelabelRule, action: Action) -> str:
    if action == "hashmod" and rule.modulus <= 0:
        return "relabel configuration for hashmod requires non-zero modulus"
    if action in _TARGETED and not rule.target_label:
        return f"relabel configuration for {action} action requires 'target_label' value"
    if action == "replace" and not relabel_template.may_name(rule.target_label):
        return f"\"{rule.target_label}\" is invalid 'target_label' for {action} action"
    if action == "labelmap" and not relabel_template.is_target(rule.replacement):
        return f"\"{rule.replacement}\" is invalid 'replacement' for {action} action"
    return ""


def _needless_problem(rule: RelabelRule, action: Action) -> str:
    """Return that a field is set which the action does not look at."""
    if action in _WITHOUT_REPLACEMENT and rule.replacement != _DEFAULT.replacement:
        return f"'replacement' can not be set for {action} action"
    others = (rule.modulus, rule.separator, rule.replacement)
    defaults = (_DEFAULT.modulus, _DEFAULT.separator, _DEFAULT.replacement)
    match action:
        case "dropequal" | "keepequal" if (rule.regex, *others) != (_DEFAULT.regex, *defaults):
            return f"{action} action requires only 'source_labels' and `target_label`, and no other fields"
        case "labeldrop" | "labelkeep" if (rule.source_labels, rule.target_label, *others) != (
            (),
            "",
            *defaults,
        ):
            return f"{action} action requires only 'regex', and no other fields"
        case _:
            return ""


class Relabeling:
    """A compiled list of rules. Raises ValueError for rules that `validate` finds fault with."""

    def __init__(self, rules: Sequence[RelabelRule]) -> None:
        if problems := validate(rules, "$"):
            raise ValueError(f"{problems[0].path}: {problems[0].message}")
        self._steps = tuple(map(_step, rules))

    def apply(self, labels: Mapping[str, str]) -> dict[str, str] | None:
        """Return the labels that come out, or None when the series is dropped.

        A series that is left without any label is dropped, as in a scrape.
        """
        working = _Labels(labels)
        for step in self._steps:
            if not step(working):
                return None
        return working.result() or None


class _Labels:
    """The label set while rules work on it, iterated in the order that Prometheus' builder has.

    The order matters where `labelmap` gives two labels the same name: the later one wins.
    """

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._base = {name: labels[name] for name in sorted(labels) if labels[name]}
        self._added: dict[str, str] = {}
        self._gone: set[str] = set()

    def get(self, name: str) -> str:
        if name in self._added:
            return self._added[name]
        return "" if name in self._gone else self._base.get(name, "")

    def set(self, name: str, value: str) -> None:
        if value:
            self._added[name] = value
        else:
            self.remove(name)

    def remove(self, name: str) -> None:
        self._added.pop(name, None)
        self._gone.add(name)

    def in_order(self) -> list[tuple[str, str]]:
        kept = (
            item
            for item in self._base.items()
            if item[0] not in self._gone and item[0] not in self._added
        )
        return [*kept, *self._added.items()]

    def result(self) -> dict[str, str]:
        return dict(self.in_order())


type _Step = Callable[[_Labels], bool]
"""Change the labels; return whether the series is kept."""


def _step(rule: RelabelRule) -> _Step:
    action = ACTIONS[rule.action.lower()]
    match action:
        case "keep" | "drop":
            return _filter(rule, wanted=action == "keep")
        case "keepequal" | "dropequal":
            return _compare(rule, wanted=action == "keepequal")
        case "replace":
            return _replace(rule)
        case "hashmod":
            return _assign(rule, lambda value: str(_hash(value) % rule.modulus))
        case "lowercase":
            return _assign(rule, _lower)
        case "uppercase":
            return _assign(rule, _upper)
        case "labelmap":
            return _labelmap(rule)
        case "labeldrop" | "labelkeep":
            return _prune(rule, wanted=action == "labelkeep")
        case _:
            assert_never(action)


def _source(rule: RelabelRule) -> Callable[[_Labels], str]:
    names, separator = rule.source_labels, rule.separator
    return lambda labels: separator.join(map(labels.get, names))


def _filter(rule: RelabelRule, *, wanted: bool) -> _Step:
    source, match = _source(rule), relabel_regex.matcher(rule.regex)
    return lambda labels: (match(source(labels)) is not None) is wanted


def _compare(rule: RelabelRule, *, wanted: bool) -> _Step:
    source, target = _source(rule), rule.target_label
    return lambda labels: (labels.get(target) == source(labels)) is wanted


def _replace(rule: RelabelRule) -> _Step:
    source, match = _source(rule), relabel_regex.matcher(rule.regex)
    target = relabel_template.parse(rule.target_label)
    replacement = relabel_template.parse(rule.replacement)

    def step(labels: _Labels) -> bool:
        groups = match(source(labels))
        if groups is None:
            return True
        if name := relabel_template.expand(target, groups):
            labels.set(name, relabel_template.expand(replacement, groups))
        return True

    return step


def _assign(rule: RelabelRule, change: Callable[[str], str]) -> _Step:
    source, target = _source(rule), rule.target_label

    def step(labels: _Labels) -> bool:
        labels.set(target, change(source(labels)))
        return True

    return step


def _labelmap(rule: RelabelRule) -> _Step:
    match, replacement = relabel_regex.matcher(rule.regex), relabel_template.parse(rule.replacement)

    def step(labels: _Labels) -> bool:
        for name, value in labels.in_order():
            groups = match(name)
            if groups is not None and (new := relabel_template.expand(replacement, groups)):
                labels.set(new, value)
        return True

    return step


def _prune(rule: RelabelRule, *, wanted: bool) -> _Step:
    match = relabel_regex.matcher(rule.regex)

    def step(labels: _Labels) -> bool:
        for name, _ in labels.in_order():
            if (match(name) is not None) is not wanted:
                labels.remove(name)
        return True

    return step


def _hash(value: str) -> int:
    """Return what Prometheus takes the modulus of: the last eight bytes of the MD5 sum."""
    digest = hashlib.md5(value.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "big")


def _lower(value: str) -> str:
    """Lower case as Go's `strings.ToLower`: each character on its own, one for one."""
    return value.lower() if value.isascii() else "".join(c.lower()[0] for c in value)


def _upper(value: str) -> str:
    """Upper case as Go's `strings.ToUpper`: each character on its own, one for one."""
    return value.upper() if value.isascii() else "".join(map(_upper_character, value))


def _upper_character(character: str) -> str:
    """Return the simple mapping; Python's `upper` has the full one (two letters for a sharp s)."""
    candidates: Iterable[str] = (character.upper(), character.title())
    return next((one for one in candidates if len(one) == 1), character)
