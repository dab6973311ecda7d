"""What one of several workers is configured with; pure.

The kernel spreads connections over the workers, and each knows only of its own. So that all of them
together never exceed a limit, each gets its share of those that count requests.
"""

import math

import msgspec

from query_gateway.config import Config, Limits, Upstream
from tenantry_common import config

_RATES = frozenset({"requests_per_second", "burst"})
_COUNTS = frozenset({"concurrent", "concurrent_per_tenant", "waiting_per_tenant"})


def of(settings: Config, number: int, *, instance: str, port: int, socket: str) -> Config:
    """Return the settings of worker `number`, which listens on `port` and for us at `socket`."""
    return msgspec.structs.replace(
        settings,
        workers=1,
        instance=f"{instance}-{number}",
        listen=msgspec.structs.replace(settings.listen, port=port, reuse_port=True),
        ops=config.Ops(socket=socket),
        limits=_limits(settings.limits, settings.workers),
        upstream=_upstream(settings.upstream, settings.workers),
    )


def _limits(limits: Limits, workers: int) -> Limits:
    common = {name: getattr(limits, name) for name in (*_RATES, *_COUNTS)}
    overrides = {
        tenant: {**own, **_shared(own, workers)} for tenant, own in limits.overrides.items()
    }
    return msgspec.structs.replace(limits, **_shared(common, workers), overrides=overrides)


def _shared(values: dict[str, int | float], workers: int) -> dict[str, int | float]:
    """Return a worker's share of those of the values that count requests, rounded up."""
    shared: dict[str, int | float] = {}
    for name, value in values.items():
        if name in _RATES:
            shared[name] = max(1.0, value / workers) if name == "burst" else value / workers
        elif name in _COUNTS:
            shared[name] = math.ceil(value / workers)
    return shared


def _upstream(upstream: Upstream, workers: int) -> Upstream:
    connections = math.ceil(upstream.connections_per_backend / workers)
    return msgspec.structs.replace(upstream, connections_per_backend=connections)
