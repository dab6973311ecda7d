"""Rules and alerts: what of a backend's answer a tenant may see; pure.

Nothing of a rule tells reliably whose it is, except what it reads. A rule is shown to those who may
read all of that; it is shown whole, since its alerts and errors come from nothing else. A rule that
reads no series is nobody's, and is shown to those who may read everything.

An alert of a rule that is not shown may concern the tenant all the same. Prometheus stores each alert
as a series `ALERTS` with its labels: the alert is shown to those who may see that series. Then its
labels, its state and its time are shown, but neither value nor annotations, which may come from
anybody's series.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator

import msgspec

import tenantry_promql as promql
from query_gateway import endpoints, templates
from query_gateway.answers import Labels, decoded, envelope
from query_gateway.failures import Failure
from query_gateway.parameters import Arguments

_NOTHING = promql.RuleSet(())


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One pending or firing alert. Fields that are not named here are not passed on."""

    labels: Labels
    annotations: Labels
    state: str
    active_at: str | None = None
    keep_firing_since: str | None = None
    value: str


class AlertingRule(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", tag="alerting"
):
    """An alerting rule with its alerts."""

    name: str
    query: str
    duration: float
    keep_firing_for: float | None = None
    labels: Labels
    annotations: Labels
    alerts: list[Alert] | None
    state: str
    health: str
    last_error: str = ""
    evaluation_time: float
    last_evaluation: str


class RecordingRule(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", tag="recording"
):
    """A recording rule."""

    name: str
    query: str
    labels: Labels = {}
    health: str
    last_error: str = ""
    evaluation_time: float
    last_evaluation: str


type Rule = AlertingRule | RecordingRule


class Group(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A group of rules."""

    name: str
    file: str
    rules: list[Rule]
    interval: float
    limit: int | None = None
    evaluation_time: float
    last_evaluation: str


class Groups(msgspec.Struct, frozen=True):
    """The data of the answer."""

    groups: list[Group]


class RulesAnswer(msgspec.Struct, frozen=True):
    """The answer of `rules`."""

    status: str
    data: Groups


_decoder = msgspec.json.Decoder(RulesAnswer)


def rules(body: bytes, arguments: Arguments, permitted: promql.RuleSet) -> bytes:
    """Return the answer of `rules`: the groups with the rules that are shown and asked for.

    Raises `Failure` for parameters that make no sense.
    """
    wanted = _filter(arguments)
    alerts = not _flag(arguments, "exclude_alerts")
    page = _Page(arguments)
    groups: list[Group] = []
    for group in decoded(_decoder, body).data.groups:
        if not wanted.group(group):
            continue
        shown = [
            rule if alerts or isinstance(rule, RecordingRule) else _without_alerts(rule)
            for rule in group.rules
            if wanted.rule(rule) and is_shown(rule, permitted)
        ]
        if shown:
            groups.append(msgspec.structs.replace(group, rules=shown))
    return envelope(page.cut(groups))


def alerts(body: bytes, permitted: promql.RuleSet) -> bytes:
    """Return the answer of `alerts` from that of `rules`."""
    found: list[Alert] = []
    for group in decoded(_decoder, body).data.groups:
        for rule in group.rules:
            if isinstance(rule, AlertingRule):
                found += _alerts(rule, permitted)
    return envelope({"alerts": found})


def is_shown(rule: Rule, permitted: promql.RuleSet) -> bool:
    """Return whether a rule reads something, and nothing but what is permitted."""
    if permitted.permits_everything:
        return True
    texts = (*rule.labels.values(), *_annotations(rule).values())
    return (
        permitted.contains(rule.query)
        and not _NOTHING.contains(rule.query)
        and not templates.may_query(texts)
    )


def _alerts(rule: AlertingRule, permitted: promql.RuleSet) -> Iterator[Alert]:
    shown = is_shown(rule, permitted)
    for alert in rule.alerts or ():
        if shown:
            yield alert
        elif permitted.matches(_stored(alert)):
            yield msgspec.structs.replace(alert, annotations={}, value="")


def _stored(alert: Alert) -> Labels:
    """Return the labels of the series that Prometheus stores of an alert."""
    return {**alert.labels, "__name__": "ALERTS", "alertstate": alert.state}


def _annotations(rule: Rule) -> Labels:
    return rule.annotations if isinstance(rule, AlertingRule) else {}


def _without_alerts(rule: AlertingRule) -> AlertingRule:
    return msgspec.structs.replace(rule, alerts=[])


class _Filter:
    """What a request wants to see of what it may see."""

    def __init__(
        self,
        *,
        kind: str,
        names: frozenset[str],
        groups: frozenset[str],
        files: frozenset[str],
        labels: Callable[[Labels], bool],
    ) -> None:
        self._kind = kind
        self._names = names
        self._groups = groups
        self._files = files
        self._labels = labels

    def group(self, group: Group) -> bool:
        """Return whether a group is wanted."""
        return (not self._groups or group.name in self._groups) and (
            not self._files or group.file in self._files
        )

    def rule(self, rule: Rule) -> bool:
        """Return whether a rule is wanted."""
        kind = "alert" if isinstance(rule, AlertingRule) else "record"
        return (
            self._kind in ("", kind)
            and (not self._names or rule.name in self._names)
            and self._labels(rule.labels)
        )


def _filter(arguments: Arguments) -> _Filter:
    kind = arguments.single.get("type", "").lower()
    if kind not in ("", "alert", "record"):
        raise Failure("malformed", f'invalid parameter "type": not supported value "{kind}"')
    several = arguments.several
    return _Filter(
        kind=kind,
        names=frozenset(several.get("rule_name[]", ())),
        groups=frozenset(several.get("rule_group[]", ())),
        files=frozenset(several.get("file[]", ())),
        labels=_label_matcher(several.get(endpoints.MATCH, ())),
    )


def _label_matcher(selectors: Iterable[str]) -> Callable[[Labels], bool]:
    """Return what `match[]` asks of the labels in a rule's definition: one selector to match."""
    try:
        parsed = [promql.parse_selector(text) for text in selectors]
        return promql.RuleSet(parsed).matches if parsed else lambda _: True
    except promql.PromQLError as error:
        raise Failure("syntax", f'invalid parameter "{endpoints.MATCH}": {error}') from error


def _flag(arguments: Arguments, name: str) -> bool:
    text = arguments.single.get(name, "")
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("", "0", "f", "F", "false", "FALSE", "False"):
        return False
    raise Failure("malformed", f'invalid parameter "{name}": "{text}" is not a boolean')


class _Page:
    """Which groups a request wants, when it does not want all at once."""

    def __init__(self, arguments: Arguments) -> None:
        text = arguments.single.get("group_limit", "")
        if text and not (text.isascii() and text.isdigit() and len(text) < 19):
            raise Failure(
                "malformed", 'invalid parameter "group_limit": not a non-negative integer'
            )
        self._limit = int(text or 0)
        self._token = arguments.single.get("group_next_token", "")
        if self._token and not self._limit:
            raise Failure(
                "malformed",
                'invalid parameter "group_limit": needed where group_next_token is given',
            )

    def cut(self, groups: list[Group]) -> dict[str, object]:
        """Return the data of the answer. Raises `Failure` when the page's first group is gone."""
        if self._token:
            tokens = [_token(group) for group in groups]
            if self._token not in tokens:
                raise Failure(
                    "malformed",
                    'invalid parameter "group_next_token": there is no such group, '
                    "were rule groups changed?",
                )
            groups = groups[tokens.index(self._token) :]
        if not self._limit or len(groups) <= self._limit:
            return {"groups": groups}
        return {"groups": groups[: self._limit], "groupNextToken": _token(groups[self._limit])}


def _token(group: Group) -> str:
    """Return what names a group to the next request."""
    return hashlib.sha256(f"{group.file};{group.name}".encode()).hexdigest()
