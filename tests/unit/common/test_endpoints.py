"""Endpoints travel inside jobs; what they refer to does not."""

import msgspec

from tenantry_common import contracts
from tenantry_common.endpoints import Authorize, Endpoint, SecretRef, TlsConfig

FULL = Endpoint(
    id="up",
    kind="telemeter",
    url="https://push.example.com/upload",
    authorize=Authorize(
        id="c1", credentials=SecretRef(name="s", key="k"), url="https://push.example.com/authorize"
    ),
    tls=TlsConfig(ca=SecretRef(name="s", key="ca")),
    upload_interval_ms=1,
)


def test_an_endpoint_comes_back_from_a_job_as_it_was() -> None:
    job = contracts.DeliveryJob(
        tenant="t", name="j", digest="d", rules=(), interval_ms=1, lookback_ms=0, endpoints=(FULL,)
    )

    assert contracts.decode_job(contracts.encode(job)).endpoints == (FULL,)


def test_what_an_older_service_wrote_is_read_with_defaults() -> None:
    older = msgspec.msgpack.encode({"id": "0", "kind": "prometheus", "url": "http://a"})

    assert msgspec.msgpack.decode(older, type=Endpoint) == Endpoint(
        id="0", kind="prometheus", url="http://a"
    )
