"""The answers of several shards to one request, as if one backend had given them; pure.

What comes out is read by those who read a single backend's answer: they check, sort and cut it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from query_gateway.answers import decoded
from query_gateway.endpoints import Answer

type _Json = Any


class _Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    status: str
    data: msgspec.Raw
    """May be null, where it is a list, but not missing."""
    warnings: list[str] = []
    infos: list[str] = []


_decoder = msgspec.json.Decoder(_Envelope)


def check(bodies: list[bytes]) -> list[bytes]:
    """Return one backend's answers. Raises NotAnAnswer where one of them is none."""
    for body in bodies:
        if body:  # nothing at all is an answer about exemplars
            decoded(_decoder, body)
    return bodies


def united(kind: Answer, shards: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Return for each call what all shards answered together.

    `shards` has for each shard its answers, one for each call of an endpoint of this kind.
    """
    if kind == "exemplars":
        return [body for bodies in shards for body in bodies]
    ways: tuple[Callable[[Sequence[_Json]], _Json], ...]
    match kind:
        case "metadata":
            ways = (_dictionaries, _lists)
        case "targets metadata":
            ways = (_lists, _lists)
        case "rules" | "alerts":
            ways = (_groups,)
        case _:
            ways = (_lists,)
    found = []
    for unite, bodies in zip(ways, zip(*shards, strict=True), strict=True):
        parts = [decoded(_decoder, body) for body in bodies]
        data = unite([msgspec.json.decode(part.data) or [] for part in parts])
        found.append(
            msgspec.json.encode(
                _Envelope(
                    status="success",
                    data=msgspec.Raw(msgspec.json.encode(data)),
                    warnings=sorted({text for part in parts for text in part.warnings}),
                    infos=sorted({text for part in parts for text in part.infos}),
                )
            )
        )
    return found


def with_warnings(body: bytes, texts: Sequence[str]) -> bytes:
    """Return an answer with more warnings."""
    answer = decoded(_decoder, body)
    return msgspec.json.encode(
        msgspec.structs.replace(answer, warnings=sorted({*answer.warnings, *texts}))
    )


def _lists(parts: Sequence[list[_Json]]) -> list[_Json]:
    """Every item once, in the order of its first occurrence."""
    found: dict[bytes, _Json] = {}
    for part in parts:
        for item in part:
            found.setdefault(msgspec.json.encode(item, order="sorted"), item)
    return list(found.values())


def _dictionaries(parts: Sequence[dict[str, list[_Json]] | list[_Json]]) -> _Json:
    found: dict[str, list[_Json]] = {}
    for part in parts:
        for name, items in part.items() if isinstance(part, dict) else ():
            found[name] = _lists((found.get(name, []), items))
    return found


def _groups(parts: Sequence[_Json]) -> _Json:
    """Every group of rules once: the same file on several shards has the alerts of all of them."""
    groups: dict[tuple[str, ...], dict[str, _Json]] = {}
    for part in parts:
        for group in part["groups"] if part else ():
            key = (group["file"], group["name"], *map(_rule, group["rules"]))
            known = groups.setdefault(key, group)
            if known is not group:
                pairs = zip(known["rules"], group["rules"], strict=True)
                known["rules"] = [_together(one, other) for one, other in pairs]
    return {"groups": list(groups.values())}


def _rule(rule: dict[str, _Json]) -> str:
    """Return what makes a rule the same on another shard."""
    same = [rule.get(name) for name in ("type", "name", "query", "labels", "annotations")]
    return msgspec.json.encode(same, order="sorted").decode()


_SEVERITY = ("inactive", "unknown", "pending", "firing")


def _together(one: dict[str, _Json], other: dict[str, _Json]) -> dict[str, _Json]:
    if "alerts" not in one:
        return one if one.get("health") != "ok" or other.get("health") == "ok" else other
    worse = max(one, other, key=lambda rule: _severity(rule.get("state", "")))
    alerts = _lists((one.get("alerts") or [], other.get("alerts") or []))
    return {**worse, "alerts": alerts}


def _severity(state: str) -> int:
    return _SEVERITY.index(state) if state in _SEVERITY else -1
