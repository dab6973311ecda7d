"""All workers together may do what one process may."""

import msgspec
import pytest

from query_gateway import config
from query_gateway.workers import share
from tenantry_common import config as common


def of(settings: config.Config) -> config.Config:
    return share.of(settings, 1, instance="gateway", port=8080, socket="/run/1.sock")


def test_a_worker_has_a_name_a_socket_and_its_share_of_the_port() -> None:
    settings = of(config.Config(workers=4))

    assert (settings.workers, settings.instance) == (1, "gateway-1")
    assert (settings.listen.port, settings.listen.reuse_port) == (8080, True)
    assert settings.ops == common.Ops(socket="/run/1.sock")


@pytest.mark.parametrize(
    ("name", "all_together", "each"),
    [
        pytest.param("requests_per_second", 100.0, 25.0, id="a rate"),
        pytest.param("burst", 2.0, 1.0, id="a burst is at least one request"),
        pytest.param("concurrent_per_tenant", 18, 5, id="places, rounded up"),
        pytest.param("waiting_per_tenant", 0, 0, id="nobody may wait"),
        pytest.param("range_seconds", 3600.0, 3600.0, id="what one request may ask"),
        pytest.param("answer_bytes", 1000, 1000, id="what one answer may hold"),
    ],
)
def test_what_counts_requests_is_divided(name: str, all_together: float, each: float) -> None:
    own = {name: all_together}
    limits = msgspec.convert({**own, "overrides": {"shop": own}}, config.Limits, strict=False)

    shared = of(config.Config(workers=4, limits=limits)).limits

    assert getattr(shared, name) == getattr(shared.own()["shop"], name) == each


def test_the_places_of_all_tenants_are_divided() -> None:
    assert of(config.Config(workers=4, limits=config.Limits(concurrent=10))).limits.concurrent == 3


def test_a_tenants_own_limits_stay_its_own() -> None:
    limits = config.Limits(overrides={"shop": {"concurrent_per_tenant": 8}})

    shared = of(config.Config(workers=4, limits=limits)).limits

    assert shared.overrides == {"shop": {"concurrent_per_tenant": 2}}
    assert shared.own()["shop"].requests_per_second == limits.requests_per_second / 4


def test_connections_to_backends_are_divided() -> None:
    settings = config.Config(workers=3, upstream=config.Upstream(connections_per_backend=200))

    assert of(settings).upstream.connections_per_backend == 67


def test_a_worker_reads_what_it_was_given() -> None:
    settings = of(config.Config(workers=2, limits=config.Limits(overrides={"a": {"burst": 4}})))

    assert msgspec.json.decode(msgspec.json.encode(settings), type=config.Config) == settings
