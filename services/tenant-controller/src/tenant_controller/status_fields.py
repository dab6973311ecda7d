"""The status of a MetricAccess as Structs: what the CRD declares, and what `status` may write.

Fields that adobe/prometheus-multi-tenant-proxy has keep its names and types.
"""

from typing import Literal

import msgspec


class _Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of what stands in `status`."""


class Condition(_Told, frozen=True, kw_only=True):
    """One aspect of the object's state, as everywhere in Kubernetes."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    last_transition_time: str
    observed_generation: int | None = None


class Replica(_Told, frozen=True, kw_only=True):
    """One endpoint of the delivery."""

    endpoint: str
    last_delivery: str | None = None
    lag_seconds: int | None = None
    pending: int | None = None
    rejected: int | None = None
    last_error: str | None = None


class RemoteWrite(_Told, frozen=True, kw_only=True):
    """How the delivery is doing."""

    active: bool
    last_collection: str | None = None
    metrics_collected: int | None = None
    lag_seconds: int | None = None
    last_error: str | None = None
    replicas: tuple[Replica, ...] = ()


class Status(_Told, frozen=True, kw_only=True):
    """What the tenant-controller says about the object."""

    observed_generation: int | None = None
    conditions: tuple[Condition, ...] = ()
    rules: int | None = None
    validated_metrics: tuple[str, ...] = ()
    remote_write: RemoteWrite | None = None
    last_updated: str | None = None
