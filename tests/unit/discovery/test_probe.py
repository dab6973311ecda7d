"""A probe asks four questions, follows nobody, waits for nobody, and reads no more than it must."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from discovery import probe, target
from discovery.observation import Held, Observation, Silent
from discovery.target import Target
from tenantry_common.backend_access import Keyring, Profile
from tenantry_local.ports import free_port

BUILD_INFO = {"status": "success", "data": {"version": "3.12.0"}}
CONFIG = {"status": "success", "data": {"yaml": "global:\n  external_labels: {cluster: eu1}\n"}}
RUNTIME_INFO = {"status": "success", "data": {"startTime": "2026-01-02T03:04:05.6Z"}}
METRICS = "up 1\nprometheus_tsdb_lowest_timestamp 1.7e+12\n"
FLAGS = {"status": "success", "data": {"enable-feature": "native-histograms"}}


class Backend:
    """A Prometheus that answers what the test says, and records what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.authorizations: set[str] = set()
        self.answers: dict[str, web.Response | None] = {}
        self.server = TestServer(web.Application())
        self.server.app.router.add_get("/{path:.*}", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        self.authorizations.add(request.headers.get("Authorization", ""))
        usual = {
            "/-/ready": web.Response(text="Prometheus Server is Ready.\n"),
            "/api/v1/status/buildinfo": web.json_response(BUILD_INFO),
            "/api/v1/status/config": web.json_response(CONFIG),
            "/api/v1/status/flags": web.json_response(FLAGS),
            "/api/v1/status/runtimeinfo": web.json_response(RUNTIME_INFO),
            "/metrics": web.Response(text=METRICS),
        }
        answer = {**usual, **self.answers}.get(request.path, web.Response(status=404))
        if answer is None:
            await asyncio.Event().wait()
        return answer or web.Response(status=500)

    @property
    def target(self) -> Target:
        """Where it listens."""
        return at(f"127.0.0.1:{self.server.port}")


def at(address: str, **labels: str) -> Target:
    made = target.make(address, labels, "t.yaml")
    assert isinstance(made, Target)
    return made


@pytest_asyncio.fixture
async def backend() -> AsyncIterator[Backend]:
    started = Backend()
    await started.server.start_server()
    yield started
    await started.server.close()


@pytest_asyncio.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with probe.session() as session:
        yield session


async def ask(
    client: aiohttp.ClientSession, target: Target, timeout: float, **profiles: Profile
) -> Observation:
    return await probe.Probe(client, Keyring(profiles), timeout).ask(target)


async def test_everything_is_asked_once(backend: Backend, client: aiohttp.ClientSession) -> None:
    found = await ask(client, backend.target, 5)

    assert found == Observation(
        version="3.12.0",
        external_labels={"cluster": "eu1"},
        features=frozenset({"native-histograms"}),
        held=Held("2026-01-02T03:04:05.6Z", 1_700_000_000_000),
    )
    assert sorted(backend.asked) == [
        "/-/ready",
        "/api/v1/status/buildinfo",
        "/api/v1/status/config",
        "/api/v1/status/flags",
        "/api/v1/status/runtimeinfo",
        "/metrics",
    ]
    assert backend.asked.index("/api/v1/status/runtimeinfo") < backend.asked.index("/metrics")


async def test_a_path_prefix_is_kept(backend: Backend, client: aiohttp.ClientSession) -> None:
    behind = at(f"127.0.0.1:{backend.server.port}", __path_prefix__="/prom")
    backend.answers["/prom/-/ready"] = web.Response()

    found = await ask(client, behind, 5)

    assert found.ready is None
    assert found.version == Silent("/api/v1/status/buildinfo answered 404", closed=True)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(
            web.Response(status=503), Silent("/api/v1/status/config answered 503"), id="starting"
        ),
        pytest.param(
            web.Response(status=403),
            Silent("/api/v1/status/config answered 403", closed=True),
            id="forbidden",
        ),
        pytest.param(
            web.Response(status=302, headers={"Location": "/elsewhere"}),
            Silent("/api/v1/status/config answered 302", closed=True),
            id="a redirect is not followed",
        ),
        pytest.param(
            web.Response(text="hello"),
            Silent(
                "/api/v1/status/config: JSON is malformed: invalid character (byte 0)", closed=True
            ),
            id="not JSON",
        ),
        pytest.param(
            None, Silent("/api/v1/status/config: no answer within 0.2 s"), id="no answer in time"
        ),
    ],
)
async def test_what_is_not_told_is_said(
    backend: Backend,
    client: aiohttp.ClientSession,
    answer: web.Response | None,
    expected: Silent,
) -> None:
    backend.answers["/api/v1/status/config"] = answer

    found = await ask(client, backend.target, 0.2)

    assert (found.external_labels, found.version, found.ready) == (expected, "3.12.0", None)
    assert "/elsewhere" not in backend.asked


async def test_a_larger_answer_than_allowed_is_not_read(
    backend: Backend, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_MAX_BYTES", 10)

    found = await ask(client, backend.target, 5)

    assert found.version == Silent(
        "/api/v1/status/buildinfo: the answer is larger than 10 bytes", closed=True
    )


async def test_nobody_there_is_one_reason(client: aiohttp.ClientSession) -> None:
    found = await ask(client, at(f"127.0.0.1:{free_port()}"), 5)

    assert found.ready == Silent("/-/ready: Connection refused")


async def test_every_question_carries_the_credentials_of_the_profile(
    backend: Backend, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("t0k")
    profile = Profile(bearer_token_file=str(tmp_path / "token"), plain_http=True)
    behind = at(f"127.0.0.1:{backend.server.port}", __access__="infra")

    found = await ask(client, behind, 5, infra=profile)

    assert found.ready is None
    assert backend.authorizations == {"Bearer t0k"}


async def test_a_backend_whose_profile_cannot_be_used_is_not_asked(
    backend: Backend, client: aiohttp.ClientSession
) -> None:
    behind = at(f"127.0.0.1:{backend.server.port}", __access__="infra")

    found = await ask(client, behind, 5)

    assert found.ready == Silent("access profile 'infra' is not configured here")
    assert backend.asked == []


async def test_a_certificate_of_another_authority_is_a_reason(
    client: aiohttp.ClientSession,
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = TestServer(web.Application(), scheme="https")
    await server.start_server(ssl=context)

    found = await ask(client, at(f"127.0.0.1:{server.port}", __scheme__="https"), 5)
    await server.close()

    assert found.ready == Silent(
        "/-/ready: its certificate is not accepted: unable to get local issuer certificate"
    )


async def test_how_far_back_it_reaches_is_asked_of_processes_that_say_when_they_started(
    backend: Backend, client: aiohttp.ClientSession
) -> None:
    backend.answers["/api/v1/status/runtimeinfo"] = web.Response(status=404)

    found = await ask(client, backend.target, 5)

    assert found.held == Silent("/api/v1/status/runtimeinfo answered 404", closed=True)
    assert "/metrics" not in backend.asked


@pytest.mark.parametrize(
    ("metrics", "confirmed"),
    [('vm_app_version{version="1"} 1\n', True), ('up{vm_app_version="1"} 1\n', False)],
)
async def test_victoria_metrics_has_to_confirm_what_its_source_says(
    backend: Backend, client: aiohttp.ClientSession, metrics: str, confirmed: bool
) -> None:
    backend.answers["/metrics"] = web.Response(text=metrics)
    told = at(f"127.0.0.1:{backend.server.port}", tenantry_product="victoriametrics")

    assert (await ask(client, told, 5)).is_victoria_metrics is confirmed
    backend.answers["/metrics"] = web.Response(text=metrics)
    assert not (await ask(client, backend.target, 5)).is_victoria_metrics
