"""Whether `spec.push` makes sense, and the policy that it means; pure."""

from collections.abc import Iterator

from tenant_controller import delivery, names
from tenant_controller.metric_access import Push, Spec
from tenantry_common import duration
from tenantry_common.contracts import Problem, PushPolicy

PATH = "$.spec.push"

_AGE_MS = range(60_000, 168 * 3_600_000 + 1)
_INTERVAL_MS = range(0, 9 * 60_000 + 1)
"""Below the ten minutes for which stream LATEST, which keeps the time, remembers a cluster."""
_LONGEST = 255
"""Bytes of an id, and of any label's value; receivers reject what is longer."""
_MOST_LABEL_BYTES = 8_000
"""Clients of /authorize read 16 KiB."""


def policy(written: Push) -> PushPolicy:
    """Return the policy of a valid block."""
    return PushPolicy(
        sources=written.sources,
        id_label=written.id_label,
        labels=written.labels,
        required=written.required,
        timestamps=written.timestamps,
        max_age_ms=duration.milliseconds(written.max_age) or 0,
        interval_ms=duration.milliseconds(written.interval) or 0,
        strict=written.strict,
        federate=written.federate,
    )


def problems(spec: Spec) -> Iterator[Problem]:
    """Yield everything that is wrong with the block of an object that has one."""
    written = spec.push
    if written is None:
        return
    yield from _sources(written)
    yield from _labels(written)
    yield from delivery.within(f"{PATH}.maxAge", written.max_age, _AGE_MS, "1m to 168h")
    yield from delivery.within(f"{PATH}.interval", written.interval, _INTERVAL_MS, "0s to 9m")
    delivered = spec.remote_write is not None and spec.remote_write.enabled
    if not written.federate and not delivered:
        message = "nothing is delivered and nothing is served on /federate: the samples go nowhere"
        yield Problem(path=f"{PATH}.federate", message=message, severity="warning")


def _sources(written: Push) -> Iterator[Problem]:
    if not written.sources:
        yield Problem(path=f"{PATH}.sources", message="is empty, so nobody may push")
    for number, source in enumerate(written.sources):
        if not 0 < len(source.encode()) <= _LONGEST:
            message = f"an id has 1 to {_LONGEST} bytes"
            yield Problem(path=f"{PATH}.sources[{number}]", message=message)


def _labels(written: Push) -> Iterator[Problem]:
    if not names.is_label_name(written.id_label) or written.id_label.startswith("__"):
        message = f"{written.id_label!r} cannot hold the id of a cluster"
        yield Problem(path=f"{PATH}.idLabel", message=message)
    for number, name in enumerate(written.required):
        if not names.is_label_name(name):
            path = f"{PATH}.required[{number}]"
            yield Problem(path=path, message=f"{name!r} is not a label name")
    for name, value in written.labels.items():
        path = f"{PATH}.labels.{name}"
        if not names.is_label_name(name) or name.startswith("__"):
            yield Problem(path=path, message=f"{name!r} is not a label name")
        elif name == written.id_label:
            yield Problem(path=path, message="is the label that holds the id of the cluster")
        elif len(value.encode()) > _LONGEST:
            yield Problem(path=path, message=f"is longer than {_LONGEST} bytes")
    if sum(len(name) + len(value) for name, value in written.labels.items()) > _MOST_LABEL_BYTES:
        message = f"are more than {_MOST_LABEL_BYTES} bytes, which clients do not read"
        yield Problem(path=f"{PATH}.labels", message=message)
