"""Requests that two readers could read in two ways, and paths that lead elsewhere.

Classes: duplicate, undecodable and unknown parameters, a parameter in URL and body, wrong content
types, compressed bodies and bombs, spellings of paths, the tenant named in two places, headers taken
away by `Connection`, `Upgrade`.
"""

import gzip
import zlib
from typing import Any

import pytest
from tests.leakage import victim
from tests.leakage.compared import FORM, all_of
from tests.leakage.estate import Answered, Estate

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

_REFUSED = {400, 404, 405, 413, 415, 417, 422}
_POSTED = (
    "/api/v1/query",
    "/api/v1/query_range",
    "/api/v1/query_exemplars",
    "/api/v1/series",
    "/api/v1/labels",
    "/api/v1/format_query",
    "/api/v1/parse_query",
    "/api/v1/tenant/explain",
)
_BANK = 'query=bank_total&match[]={namespace="bank"}&start=1&end=2&step=1'


async def refused(estate: Estate, *attacks: tuple[str, str, dict[str, Any]]) -> None:
    """Send requests as `shop`; each must be refused, and none may reach Prometheus."""
    found: list[tuple[str, Answered]] = []

    async def one(method: str, path: str, more: dict[str, Any]) -> None:
        found.append((path, await estate.attack("shop", method, path, **more)))

    with estate.judged("shop") as reached:
        await all_of(*(one(*attack) for attack in attacks))
    assert [(path, it.status, it.body) for path, it in found if it.status not in _REFUSED] == []
    assert reached == []


# --- parameters


@pytest.mark.parametrize("path", _POSTED[:3])
@pytest.mark.parametrize(
    "text",
    [
        "query=up&query=bank_total",
        "query=up&quer%79=bank_total",
        "query=up&query=",
        "query=&query=bank_total",
        "query=up;query=bank_total",
        "query=up%",
        "query=up%zz",
        "query=%ff%fe",
        "query=%c0%af",
        "query=%ed%a0%80",
        "query=%ef%bf%bd",
        "query=up%00or%20bank_total",
        "query=up%EF%BF%BD%20or%20bank_total",
        "query=up&namespace=shop&namespace=bank",
        "query=up&namespace=bank",
        "namespace=shop",
        "&" * 10 + "a=1&" * 2000,
    ],
)
async def test_a_parameter_that_can_be_read_in_two_ways_is_refused(
    attacked: Estate, path: str, text: str
) -> None:
    await refused(
        attacked,
        ("GET", f"{path}?{text}", {}),
        ("POST", path, {"data": text, "headers": FORM}),
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/v1/query", "time"),
        ("/api/v1/query", "timeout"),
        ("/api/v1/query_range", "start"),
        ("/api/v1/query_range", "step"),
        ("/api/v1/query_exemplars", "end"),
        ("/api/v1/series", "start"),
        ("/api/v1/labels", "limit"),
    ],
)
async def test_no_single_parameter_is_taken_twice(attacked: Estate, path: str, name: str) -> None:
    text = f"query=up&match[]=up&{name}=1&{name}=1"
    await refused(
        attacked,
        ("GET", f"{path}?{text}", {}),
        ("POST", path, {"data": text, "headers": FORM}),
    )


@pytest.mark.parametrize("path", _POSTED)
async def test_a_parameter_in_url_and_body_is_refused(attacked: Estate, path: str) -> None:
    name = "start" if path in ("/api/v1/series", "/api/v1/labels") else "query"
    await refused(
        attacked,
        ("POST", f"{path}?{name}=1", {"data": f"{name}=bank_total", "headers": FORM}),
        ("POST", f"{path}?{name}=1", {"data": f"{name}=1", "headers": FORM}),
        ("POST", f"{path}?namespace=shop", {"data": "namespace=bank", "headers": FORM}),
    )


async def test_selectors_in_url_and_body_are_both_restricted(attacked: Estate) -> None:
    with attacked.judged("shop") as reached:
        await attacked.attack(
            "shop",
            "POST",
            "/api/v1/series?match[]=bank_total",
            data='match[]={namespace="bank"}&match=bank_total&match%5B0%5D=bank_total',
            headers=FORM,
        )

    (one,) = reached
    assert [name for name, _ in one.pairs] == ["match[]", "match[]"]


async def test_unknown_parameters_reach_nobody(attacked: Estate) -> None:
    unknown = (
        "dedup=false&partial_response=true&max_source_resolution=0s&nocache=1&trace=1&stats=all"
        "&storeMatch[]={a=%22b%22}&extra_label=namespace=bank&extra_filters[]={namespace=%22bank%22}"
        "&Query=bank_total&QUERY=bank_total&match=bank_total&match%5b%5d%20=bank_total&_=1"
        "&X-Scope-OrgID=bank&tenant=bank&engine=thanos&shard_info=x&debug=1&callback=x"
    )
    with attacked.judged("shop") as reached:
        for path in _POSTED:
            await attacked.attack("shop", "GET", f"{path}?query=up&match[]=up&{unknown}")

    assert len(reached) >= 3


# --- bodies


@pytest.mark.parametrize("path", _POSTED)
@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/x-www-form-urlencoded; charset=utf-7",
        "application/x-www-form-urlencoded, application/json",
        "application/x-protobuf",
        "x",
        "",
    ],
)
async def test_a_body_of_another_type_is_refused(attacked: Estate, path: str, kind: str) -> None:
    bodies = (
        _BANK.encode(),
        b'{"query":"bank_total"}',
        b'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\nbank_total\r\n--x--\r\n',
        _BANK.encode("utf-16"),
    )
    await refused(
        attacked,
        *(("POST", path, {"data": body, "headers": {"Content-Type": kind}}) for body in bodies),
    )


_BOMB = b"query=" + b"1%2B" * 8_000_000 + b"1"


@pytest.mark.parametrize("path", [*_POSTED, "/api/v1/read"])
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(_BANK.encode())),
        ("gzip", gzip.compress(_BOMB, 1)),
        ("deflate", zlib.compress(_BOMB, 1)),
        ("br", b"\x8b\x03\x80bank\x03"),
        ("zstd", b"\x28\xb5\x2f\xfd\x00"),
        ("gzip, gzip", gzip.compress(gzip.compress(_BANK.encode()))),
        ("identity", _BANK.encode()),
        ("snappy", _BANK.encode()),
        ("snappy", b"\xff\xff\xff\xff\x0f" + b"\0" * 100),
        ("aes128gcm", _BANK.encode()),
    ],
)
async def test_a_compressed_body_is_refused(
    attacked: Estate, path: str, encoding: str, body: bytes
) -> None:
    await refused(
        attacked,
        ("POST", path, {"data": body, "headers": {**FORM, "Content-Encoding": encoding}}),
    )


async def test_what_is_too_long_is_refused(attacked: Estate) -> None:
    long = b"a=" + b"x" * 300_000
    await refused(
        attacked,
        *(("POST", path, {"data": long, "headers": FORM}) for path in _POSTED),
        ("GET", "/api/v1/query?query=up&a=" + "x" * 300_000, {}),
        ("GET", "/api/v1/query?query=up", {"headers": {"X-A": "x" * 20_000}}),
    )


# --- paths and methods

_NOWHERE = (
    "",
    "/",
    "/graph",
    "/api",
    "/api/v1",
    "/api/v1/",
    "/api/v2/query",
    "/api/v1/write",
    "/api/v1/otlp/v1/metrics",
    "/api/v1/admin/tsdb/delete_series",
    "/api/v1/admin/tsdb/snapshot",
    "/api/v1/admin/tsdb/clean_tombstones",
    "/api/v1/status/config",
    "/api/v1/status/flags",
    "/api/v1/status/tsdb",
    "/api/v1/status/walreplay",
    "/api/v1/targets",
    "/api/v1/targets/relabel_steps",
    "/api/v1/scrape_pools",
    "/api/v1/alertmanagers",
    "/api/v1/notifications",
    "/api/v1/notifications/live",
    "/-/reload",
    "/-/quit",
    "/-/healthy",
    "/-/ready",
    "/debug/pprof/",
    "/debug/pprof/heap",
    "/debug/tenants",
    "/debug/targets",
    "/metrics",
    "/health",
    "/healthz",
    "/readyz",
    "/collected-metrics",
    "/consoles/prometheus.html",
    "/static/../api/v1/query",
    "/api/v1/query/",
    "/api/v1//query",
    "//api/v1/query",
    "///api/v1/query",
    "/api/v1/./query",
    "/api/v1/../v1/query",
    "/api/v1/query/..",
    "/api/v1/query/../status/config",
    "/api/v1/query%2f",
    "/api/v1%2fquery",
    "/api%2fv1%2fquery",
    "/%2fapi/v1/query",
    "/api/v1/query%00",
    "/api/v1/query%20",
    "/api/v1/query;x=1",
    "/api/v1/query%3fquery=up",
    "/api/v1/query%23",
    "/API/V1/QUERY",
    "/api/v1/Query",
    "/prometheus/api/v1/query",
    "/api/v1/query\\..\\status",
    "/api/v1/%2e%2e/v1/query",
    "/api/v1/status%2fconfig",
    "/api/v1/label/a/b/values",
    "/api/v1/label//values",
    "/api/v1/label/values",
    "/api/v1/search",
    "/api/v1/search/metrics",
    "/federate/",
    "/federate/x",
    "//federate",
    "/tenants",
    "/tenants/shop",
    "/tenants/shop/",
    "/tenants/shop/graph",
    "/tenants/shop//api/v1/query",
    "/tenants//api/v1/query",
    "/tenants/shop/../bank/api/v1/query",
    "/tenants/shop%2f..%2fbank/api/v1/query/",
    "/tenants/bank/metrics",
    "/tenants/shop/api/v1/write",
)


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE"]
)
async def test_other_paths_lead_nowhere(attacked: Estate, method: str) -> None:
    posted: dict[str, Any] = {"data": _BANK, "headers": FORM} if method == "POST" else {}
    await refused(attacked, *((method, f"{path}?{_BANK}", posted) for path in _NOWHERE))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
async def test_other_methods_are_refused(attacked: Estate, method: str) -> None:
    paths = (*_POSTED, "/api/v1/rules", "/api/v1/read", "/federate", "/api/v1/metadata")
    await refused(attacked, *((method, f"{path}?{_BANK}", {}) for path in paths))


@pytest.mark.parametrize("path", ["/api/v1/qu%65ry", "/api/v1/%71uery", "/%61pi/v1/query"])
async def test_an_escaped_letter_is_the_letter(attacked: Estate, path: str) -> None:
    with attacked.judged("shop") as reached:
        found = await attacked.attack("shop", "GET", f"{path}?query=shared_total")

    assert found.status in (200, 404)
    assert {one.path for one in reached} <= {"/api/v1/query"}


# --- the tenant


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/tenants/bank/api/v1/query?query=up", {}),
        ("/tenants/bank/federate?match[]=up", {}),
        ("/tenants/bank/api/v1/tenant/access", {}),
        ("/api/v1/query?query=up&namespace=bank", {}),
        ("/tenants/shop/api/v1/query?query=up&namespace=bank", {}),
        ("/tenants/%62ank/api/v1/query?query=up", {}),
    ],
)
async def test_a_tenant_that_is_named_in_two_ways_is_none(
    attacked: Estate, path: str, headers: dict[str, str]
) -> None:
    await refused(attacked, ("GET", path, {"headers": headers}))


@pytest.mark.parametrize(
    "name",
    [
        "X-Scope-OrgID",
        "THANOS-TENANT",
        "X-Forwarded-For",
        "X_Tenant_Namespace",
        "AccountID",
        "X-Prometheus-Tenant",
    ],
)
async def test_other_headers_name_nobody_and_go_nowhere(attacked: Estate, name: str) -> None:
    with attacked.judged("shop") as reached:
        found = await attacked.attack(
            "shop", "GET", "/api/v1/query?query=shared_total", headers={name: victim.VICTIM}
        )

    assert found.status == 200
    assert len(reached) == 1
    assert name not in reached[0].headers


@pytest.mark.parametrize(
    "connection",
    [
        "X-Tenant-Namespace",
        "close, X-Tenant-Namespace",
        "keep-alive, x-tenant-namespace",
        "X-Tenant-Namespace, Content-Length",
        "upgrade, X-Tenant-Namespace",
    ],
)
async def test_connection_does_not_take_the_tenant_away(attacked: Estate, connection: str) -> None:
    # Where the header were taken away, the parameter would name the victim.
    await refused(
        attacked,
        ("GET", "/api/v1/query?query=up&namespace=bank", {"headers": {"Connection": connection}}),
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "x" * 22 + "=="},
        {
            "Connection": "Upgrade, HTTP2-Settings",
            "Upgrade": "h2c",
            "HTTP2-Settings": "AAMAAABkAAQ",
        },
        {"Connection": "Upgrade", "Upgrade": "TLS/1.2"},
    ],
)
async def test_nothing_is_upgraded(attacked: Estate, headers: dict[str, str]) -> None:
    with attacked.judged("shop") as reached:
        found = await attacked.attack(
            "shop", "GET", "/api/v1/query?query=shared_total", headers=headers
        )

    assert found.status in (200, 400)
    assert all("Upgrade" not in one.headers for one in reached)
