"""Backends are shown as discovery published them."""

from query_gateway.backends import Backends
from query_gateway.testing import FixedBackends
from tenantry_common.contracts import Backend

ONE = Backend(id="b", url="http://b", ha_set="s", healthy=True, version="2.42.0")
OTHER = Backend(id="a", url="http://a", ha_set="s", reason="connection refused")


def test_backends_are_known_by_id_and_counted() -> None:
    backends = Backends(FixedBackends({"x": ONE, "y": OTHER}))

    assert (backends.known(), backends.count_healthy()) == ((OTHER, ONE), 1)


def test_a_backend_is_described_with_why_it_is_not_healthy() -> None:
    assert Backends(FixedBackends({"y": OTHER})).describe() == [
        {
            "id": "a",
            "url": "http://a",
            "healthy": False,
            "reason": "connection refused",
            "ha_set": "s",
            "role": "replica",
            "product": "prometheus",
            "cluster": "",
            "started": "",
            "oldest_ms": None,
            "version": "",
            "labels": {},
            "external_labels": {},
            "replica_labels": {},
        }
    ]
