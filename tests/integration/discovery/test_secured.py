"""A real Prometheus behind TLS and a password: found, collected from and queried by its profile."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import trustme
import yaml
from prometheus_client import CollectorRegistry
from tests.integration.discovery.running import WITHIN, Discovery, backends

from collector.pull import Answer, Puller
from query_gateway import config, upstream
from query_gateway.calls import Call
from query_gateway.metrics import Metrics
from query_gateway.tracing import PassOn
from query_gateway.upstream import Upstream
from tenantry_common.backend_access import Keyring, Profile
from tenantry_common.contracts import Matcher
from tenantry_common.remote_read import Query
from tenantry_common.testing import until
from tenantry_local import readiness
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.server import Launch, native
from tenantry_local.testing import StartServer

pytestmark = pytest.mark.timeout(180)

NAME = "prometheus.example.com"
# Of the password that `profile` names, with as few rounds as bcrypt allows.
HASH = "$2b$04$CwBcbz1FOLlBwUjw5mYGze5S2v9kC3Z2yi353U5Zzni.mYCFmDD6i"


class Secured(Prometheus):
    """A Prometheus that speaks TLS only, and asks for a password."""

    def __init__(self, directory: Path, *, authority: trustme.CA, **more: Any) -> None:
        launch: Launch = more.pop("launch", native)
        web = directory / "web.yml"
        super().__init__(
            directory,
            flags=[f"--web.config.file={web}"],
            launch=lambda command: launch(
                replace(command, ready=readiness.tcp_open(LOOPBACK, self.port))
            ),
            **more,
        )
        certificate = authority.issue_cert(NAME)
        (directory / "tls.crt").write_bytes(certificate.cert_chain_pems[0].bytes())
        (directory / "tls.key").write_bytes(certificate.private_key_pem.bytes())
        settings = {
            "tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key"},
            "basic_auth_users": {"tenantry": HASH},
        }
        web.write_text(yaml.safe_dump(settings))


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def profile(authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "ca.crt").write_bytes(authority.cert_pem.bytes())
    (tmp_path / "password").write_text("s3cret\n")
    return {
        "ca_file": str(tmp_path / "ca.crt"),
        "server_name": NAME,
        "username": "tenantry",
        "password_file": str(tmp_path / "password"),
    }


async def test_a_secured_server_is_found_collected_from_and_queried(
    authority: trustme.CA,
    profile: dict[str, str],
    fresh_nats_server: NatsServer,
    start_server: StartServer,
    killed_at_end: Callable[[Process], None],
    tmp_path: Path,
) -> None:
    server = await start_server(
        Secured, authority=authority, external_labels={"cluster": "eu1", "replica": "a"}
    )
    folder = tmp_path / "targets"
    discovery = Discovery(
        tmp_path,
        fresh_nats_server.url,
        "d-0",
        discovery={"file_sd": {"folders": [str(folder)], "access": "infra"}},
        backend_access={"infra": profile},
    )
    killed_at_end(discovery.process)
    discovery.list(server, __scheme__="https")
    async with backends(fresh_nats_server.url) as view:
        await discovery.process.start()
        await until(view, lambda found: any(b.healthy for b in found.values()), WITHIN)
        (backend,) = view.snapshot.values()

    assert (backend.ha_set, backend.access, backend.reason) == ("cluster-eu1", "infra", "")
    keyring = Keyring({"infra": msgspec.convert(profile, Profile)})
    query = Query(matchers=(Matcher("__name__", "=~", ".+"),), start_ms=1, end_ms=2)
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        puller = Puller(http, timeout=30, max_bytes=1 << 20, per_source=1, keyring=keyring)
        assert isinstance(await puller.read(backend, [query]), Answer)
    settings = config.Upstream()
    async with upstream.pool(settings) as pool:
        asked = Upstream(pool, settings, Metrics(CollectorRegistry()), PassOn(), keyring)
        call = Call(method="POST", path="/api/v1/query", form=(("query", "1"),))
        async with asked.stream([backend], call) as answer:
            assert b'"status":"success"' in b"".join([chunk async for chunk in answer.chunks()])


async def test_a_wrong_password_is_a_reason_and_not_told(
    authority: trustme.CA,
    profile: dict[str, str],
    fresh_nats_server: NatsServer,
    start_server: StartServer,
    killed_at_end: Callable[[Process], None],
    tmp_path: Path,
) -> None:
    server = await start_server(Secured, authority=authority)
    Path(profile["password_file"]).write_text("n0t-it")
    discovery = Discovery(tmp_path, fresh_nats_server.url, "d-0", backend_access={"infra": profile})
    killed_at_end(discovery.process)
    discovery.list(server, __scheme__="https", __access__="infra")
    async with backends(fresh_nats_server.url) as view:
        await discovery.process.start()
        found = await until(view, lambda found: bool(found), WITHIN)
        (backend,) = found.values()
        assert (backend.healthy, backend.reason) == (False, "/-/ready answered 401")
        assert "n0t-it" not in discovery.process.log.read_text()

        Path(profile["password_file"]).write_text("s3cret")
        await until(view, lambda found: any(b.healthy for b in found.values()), WITHIN)
