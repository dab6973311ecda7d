"""The ports of an estate on this machine: fixed ones for people, free ones for tests."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from tenantry_local import ports

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, kw_only=True)
class Ports:
    """One field per listening socket; the defaults are what the README names."""

    gateway: int = 18080
    nats: int = 14222
    nats_monitor: int = 18222
    load: int = 18100
    infra_a: int = 19090
    infra_b: int = 19091
    tenant_0: int = 19190
    tenant_1: int = 19191
    ops_discovery: int = 18301
    ops_tenant_controller: int = 18302
    ops_query_gateway: int = 18303
    ops_collector: int = 18304
    ops_writer_0: int = 18305
    ops_writer_1: int = 18306

    @classmethod
    def free(cls) -> "Ports":
        """Return ports that nobody uses right now."""
        return cls(**free(cls))


def free(kind: "type[DataclassInstance]") -> dict[str, int]:
    """Return a port that nobody uses right now for each field of a dataclass."""
    names = [field.name for field in fields(kind)]
    return dict(zip(names, ports.free_ports(len(names)), strict=True))
