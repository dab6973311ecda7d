"""Specs of MetricAccess that break a rule of the custom resource, or just do not; pure.

The same table is held against our own reading of the rules and against a real API server.
"""

import copy
import itertools
from dataclasses import dataclass, field
from typing import Any

_ALIKE = "are the same; keep one"
_SECRET = {"name": "s", "key": "k"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One spec."""

    remote_write: dict[str, Any] = field(default_factory=dict)
    """What of `spec.remoteWrite` differs from one that is valid; None takes a field away."""
    push: dict[str, Any] | None = None
    """`spec.push`, where there is one, besides the clusters that may."""
    at: str = ""
    """Path of the value that is refused; empty where the spec is valid."""
    says: str = ""
    """Part of the message."""

    @property
    def spec(self) -> dict[str, Any]:
        """The whole spec."""
        usual = {"enabled": True, "target": {"type": "remote_write"}, "remoteWrite": {"url": URL}}
        written = {**usual, **copy.deepcopy(self.remote_write)}
        kept = {name: value for name, value in written.items() if value is not None}
        spec = {"source": "s", "metrics": ["up"], "remoteWrite": kept}
        return spec if self.push is None else {**spec, "push": {"sources": ["*"], **self.push}}


URL = "https://example.org/push"


def _to(**block: Any) -> dict[str, Any]:
    return {"remoteWrite": {"url": URL, **block}}


def _target(kind: str, **more: Any) -> dict[str, Any]:
    return {"target": {"type": kind, **more}, "remoteWrite": {"url": URL}}


def _interval(text: str, *, good: bool = False) -> Case:
    refused: dict[str, Any] = (
        {} if good else {"at": "spec.remoteWrite.interval", "says": "from 5s to 24h"}
    )
    return Case(remote_write={"interval": text}, **refused)


def _lookback(text: str, *, good: bool = False) -> Case:
    refused: dict[str, Any] = (
        {} if good else {"at": "spec.remoteWrite.lookback", "says": "from 0s to 168h"}
    )
    return Case(remote_write={"lookback": text}, **refused)


def _upload(text: str, *, good: bool = False) -> Case:
    at = "spec.remoteWrite.telemeter.uploadInterval"
    block = {**_BLOCKS["telemeter"][1], "uploadInterval": text}
    refused: dict[str, Any] = {} if good else {"at": at, "says": "from 1s to 24h"}
    return Case(
        remote_write={"target": {"type": "telemeter"}, "remoteWrite": None, "telemeter": block},
        **refused,
    )


def _relabel(number: int, name: str, step: dict[str, Any]) -> Case:
    return Case(
        remote_write={"metricRelabelings": [{"action": "keep"}] * number + [step]},
        at=f"spec.remoteWrite.metricRelabelings[{number}]",
        says=f"{name} {_ALIKE}",
    )


_AUTH = {
    "basicAuth": {"username": "u", "passwordSecret": _SECRET},
    "authorization": {"credentials": _SECRET},
    "oauth2": {"clientId": "c", "clientSecret": _SECRET, "tokenUrl": URL},
    "authorize": {"clusterId": "c", "credentials": _SECRET},
}
_BLOCKS: dict[str, tuple[str, dict[str, Any]]] = {
    "prometheus": ("prometheus", {"serviceName": "p"}),
    "pushgateway": ("pushgateway", {"serviceName": "p", "jobName": "j"}),
    "remote_write": ("remoteWrite", {"url": URL}),
    "telemeter": ("telemeter", {"url": URL, "clusterId": "c", "credentials": _SECRET}),
}
_AT_BLOCK: dict[str, Any] = {"at": "spec.remoteWrite"}
_AT_URL: dict[str, Any] = {"at": "spec.remoteWrite.remoteWrite", "says": "at most one of basicAuth"}
_AT_TLS: dict[str, Any] = {
    "at": "spec.remoteWrite.remoteWrite.tlsConfig",
    "says": "needs cert and keySecret",
}

CASES: dict[str, Case] = {
    "what is usual": Case(remote_write={}),
    **{
        f"block of {kind} is missing": Case(
            remote_write={**_target(kind), "remoteWrite": None}, **_AT_BLOCK, says=f"`{name}`"
        )
        for kind, (name, _) in _BLOCKS.items()
    },
    **{
        f"block of {kind} inside target": Case(
            remote_write={**_target(kind, **{name: block}), "remoteWrite": None}
        )
        for kind, (name, block) in _BLOCKS.items()
    },
    **{
        f"block of {kind} beside target": Case(
            remote_write={"target": {"type": kind}, "remoteWrite": None, name: block}
        )
        for kind, (name, block) in _BLOCKS.items()
    },
    "block of another type": Case(
        remote_write=_target("prometheus"), **_AT_BLOCK, says="prometheus"
    ),
    **{
        f"{one} and {other}": Case(
            remote_write=_to(**{one: _AUTH[one], other: _AUTH[other]}), **_AT_URL
        )
        for one, other in itertools.combinations(_AUTH, 2)
    },
    **{f"{one} alone": Case(remote_write=_to(**{one: _AUTH[one]})) for one in _AUTH},
    "cert without key": Case(remote_write=_to(tlsConfig={"cert": _SECRET}), **_AT_TLS),
    "key without cert": Case(remote_write=_to(tlsConfig={"keySecret": _SECRET}), **_AT_TLS),
    "cert and key": Case(remote_write=_to(tlsConfig={"cert": _SECRET, "keySecret": _SECRET})),
    "ca alone": Case(remote_write=_to(tlsConfig={"ca": _SECRET})),
    "source labels twice": _relabel(
        0, "source_labels and sourceLabels", {"source_labels": ["a"], "sourceLabels": ["a"]}
    ),
    "target label twice": _relabel(
        3, "target_label and targetLabel", {"target_label": "a", "targetLabel": "a"}
    ),
    "source labels of the operator, target label of Prometheus": Case(
        remote_write={"metricRelabelings": [{"sourceLabels": ["a"], "target_label": "b"}]}
    ),
    **{
        f"interval {text}": _interval(text, good=True)
        for text in ("5s", "5000ms", "1h30m", "1.5h", "24h", "0.1h0.0s")
    },
    **{
        f"interval {text!r}": _interval(text)
        for text in (
            "4s",
            "4.999s",
            "0",
            "24h1ns",
            "-30s",
            "+30s",
            "30",
            "1d",
            "thirty",
            "",
            " 30s",
        )
    },
    **{f"upload interval {text}": _upload(text, good=True) for text in ("1s", "4m30s", "24h")},
    **{f"upload interval {text!r}": _upload(text) for text in ("999ms", "24h1s", "soon")},
    "push": Case(push={}),
    "push of old samples": Case(push={"maxAge": "168h", "interval": "0s"}),
    "push of older samples": Case(
        push={"maxAge": "169h"}, at="spec.push.maxAge", says="from 1m to 168h"
    ),
    "push every ten minutes": Case(
        push={"interval": "10m"}, at="spec.push.interval", says="from 0s to 9m"
    ),
    **{f"lookback {text}": _lookback(text, good=True) for text in ("0", "0s", "168h", "10m")},
    **{f"lookback {text!r}": _lookback(text) for text in ("169h", "1w", "-1s", "", "x")},
}
