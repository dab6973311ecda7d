"""Decide from targets and observations which backends there are and which replicate which; pure.

Backends whose external labels are equal apart from the replica labels hold the same data: one HA
set. Nothing is guessed in silence: a backend whose external labels are not known, or that has none,
is an HA set of its own, and its `reason` says so. Shards of the Prometheus operator have equal
external labels and hold different data; their source tells them apart (`Target.part`).

What a backend told before is remembered while it is silent. Otherwise a restart of one replica
would make a new HA set of it for a while, and its series would be collected twice.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

import msgspec

from discovery import traits
from discovery.observation import Held, Observation, Silent
from discovery.target import Product, Target
from tenantry_common.contracts import Backend, UpstreamTraits

_DEFAULT_SET = "default"
_PART_LABEL = "operator_shard"
_LONGEST_SLUG = 60
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=\w+(-\w+)*", re.ASCII)


def backends(
    targets: Mapping[str, Target],
    observations: Mapping[str, Observation],
    known: Mapping[str, Backend],
    replica_labels: Collection[str],
    cluster: str = "",
) -> dict[str, Backend]:
    """Return every backend by id, given by id what was observed and what was known before.

    A target that was not observed yet stays what it was known as, or is left out; so does one that
    is not ready, which is never healthy. `cluster` is theirs whose target names none.
    """
    found = {}
    for id_, target in targets.items():
        before = known.get(id_)
        observation = observations.get(id_)
        if target.unready:
            if before is not None:
                found[id_] = msgspec.structs.replace(before, healthy=False, reason=target.unready)
        elif observation is not None:
            found[id_] = _backend(target, observation, before, replica_labels, cluster)
        elif before is not None and before.url == target.url:
            found[id_] = before
    return _name_twins(found, targets)


def _backend(
    target: Target,
    seen: Observation,
    before: Backend | None,
    replica_labels: Collection[str],
    cluster: str,
) -> Backend:
    external = _external_labels(target, seen, before)
    tells_replicas = {*replica_labels, *target.replica_labels}
    own = {k: v for k, v in (external or {}).items() if k not in tells_replicas}
    replica = {k: v for k, v in (external or {}).items() if k in tells_replicas}
    version = _version(seen, before)
    held = _held(seen, before)
    unready = seen.ready
    if unready is not None and unready.closed and not isinstance(seen.version, Silent):
        unready = None  # no page says so (another gateway has none), but it answers
    may_tell_later = isinstance(seen.external_labels, Silent) and not seen.external_labels.closed
    # One that is asked before its labels are known could land in the wrong HA set for good.
    placed = external is not None or bool(target.ha_set) or not may_tell_later
    return Backend(
        id=target.id,
        url=target.url,
        ha_set=_ha_set(target, external, own),
        role=target.role,
        external_labels=own,
        replica_labels=replica,
        labels=dict(target.labels),
        version=version,
        traits=_traits(version, seen, before),
        product=_product(target, seen, before),
        cluster=target.cluster or cluster,
        started=held.started if held else "",
        oldest_ms=held.oldest_ms if held else None,
        access=target.access,
        healthy=unready is None and placed,
        reason=unready.reason if unready else "; ".join(_notes(target, seen, external)),
    )


def _external_labels(
    target: Target, seen: Observation, before: Backend | None
) -> Mapping[str, str] | None:
    """Return all external labels as told now, else by the source, else as told before, else None."""
    if not isinstance(seen.external_labels, Silent):
        return seen.external_labels
    if target.external_labels is not None:
        return target.external_labels
    remembered = {**before.external_labels, **before.replica_labels} if before else {}
    return remembered or None


def _product(target: Target, seen: Observation, before: Backend | None) -> Product:
    """Return what its source says, once it has confirmed that; what it was while it is silent."""
    if target.product == "prometheus" or seen.is_victoria_metrics:
        return target.product
    return before.product if before is not None and seen.ready is not None else "prometheus"


def _held(seen: Observation, before: Backend | None) -> Held | None:
    """Return how far back it reaches as told now; while it is silent, as told before."""
    if isinstance(seen.held, Held):
        return seen.held
    if seen.held.closed or before is None or before.oldest_ms is None:
        return None
    return Held(before.started, before.oldest_ms)


def _version(seen: Observation, before: Backend | None) -> str:
    if not isinstance(seen.version, Silent):
        return seen.version
    return before.version if before else ""


def _traits(version: str, seen: Observation, before: Backend | None) -> UpstreamTraits:
    """Return the traits; flags that are not told count as told before, or as the strictest."""
    if not isinstance(seen.features, Silent):
        return traits.of(version, seen.features)
    if before is None:
        return traits.of(version, traits.STRICTEST)
    if before.version == version:
        return before.traits
    return traits.of(version, _features_told(before.traits))


def _features_told(before: UpstreamTraits) -> Collection[str]:
    """Return the flags that gave these traits; `STRICTEST` if they were not told then either."""
    if not (before.immediate_name_removal or before.delayed_name_removal):
        return traits.STRICTEST
    named = {
        "promql-delayed-name-removal": before.delayed_name_removal,
        "promql-experimental-functions": before.experimental_functions,
    }
    return traits.STRICTEST | {name for name, given in named.items() if given}


def _notes(target: Target, seen: Observation, external: Mapping[str, str] | None) -> Iterator[str]:
    """Yield, for people, what could not be read of a backend that is ready."""
    if isinstance(seen.external_labels, Silent):
        counts = "" if target.external_labels is None else f", those of {target.source} count"
        yield f"external labels: {seen.external_labels.reason}{counts}"
    elif not external and not target.ha_set:
        yield "no external labels, so nothing tells its replicas: it is an HA set of its own"
    if isinstance(seen.version, Silent):
        yield f"version: {seen.version.reason}"
    if isinstance(seen.features, Silent):
        yield f"flags: {seen.features.reason}"


def _ha_set(target: Target, external: Mapping[str, str] | None, own: Mapping[str, str]) -> str:
    if not external and not target.ha_set:
        return target.id
    part = {_PART_LABEL: target.part} if target.part else {}
    if target.ha_set:
        return f"{target.ha_set}--{slug(part)}" if part else target.ha_set
    return slug({**own, **part}) if own or part else _DEFAULT_SET


def slug(labels: Mapping[str, str]) -> str:
    """Return a short readable name of a label set, different for different sets.

    ``{cluster: eu1, zone: b}`` is ``cluster-eu1--zone-b``. Where that could be read in two ways, or
    is long, a hash is added. It never equals a backend's id, which holds a colon.
    """
    pairs = [f"{name}={value}" for name, value in sorted(labels.items())]
    text = "--".join(pair.replace("=", "-", 1) for pair in pairs)
    if all(_LABEL.fullmatch(pair) for pair in pairs) and len(text) <= _LONGEST_SLUG:
        return text
    digest = hashlib.sha256("\0".join(pairs).encode()).hexdigest()[:8]
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")[:_LONGEST_SLUG]
    return f"{readable}--{digest}"


def _name_twins(found: dict[str, Backend], targets: Mapping[str, Target]) -> dict[str, Backend]:
    """Say of backends whose external labels are all equal that they were taken for replicas."""
    twins = defaultdict(list)
    for id_, backend in found.items():
        if not targets[id_].ha_set and (backend.external_labels or backend.replica_labels):
            replica = tuple(sorted(backend.replica_labels.items()))
            twins[backend.ha_set, replica].append(id_)
    for ids in twins.values():
        for id_ in ids if len(ids) > 1 else ():
            others = ", ".join(sorted(set(ids) - {id_}))
            note = f"the same external labels as {others}: taken for replicas of the same data"
            said = found[id_].reason
            if note not in said:  # one that was not asked again has it already
                reason = "; ".join(part for part in (said, note) if part)
                found[id_] = msgspec.structs.replace(found[id_], reason=reason)
    return found
