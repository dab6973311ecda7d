"""The gateway as a process, over TLS, with every mode of identification at once."""

import asyncio
import base64
import contextlib
import json
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import kmock as kmock_package
import pytest
import pytest_asyncio
import trustme
import yaml
from aiohttp import web
from tests.integration.query_gateway.estate import Answer, Estate

from query_gateway.identity.testing import Issuer
from query_gateway.testing import EMPTY_VECTOR, FakePrometheus
from tenantry_common import api_key
from tenantry_local.ports import LOOPBACK
from tenantry_local.process import Process

type KMock = kmock_package.RawHandler

# Reviews are answered and not kept: the same one may be sent again.
pytestmark = pytest.mark.kmock(cls=kmock_package.RawHandler)

GRAFANA = "system:serviceaccount:shop:grafana"
RULES = {"shop": '{namespace="shop"}', "bank": '{namespace="bank"}'}


def new_key(id: str) -> tuple[str, dict[str, object]]:
    """Return a key, and its entry in the file but for the tenants."""
    text = api_key.new(id)
    key = api_key.read(text)
    assert key is not None
    return text, {"id": id, "hash": api_key.make(key.secret, ln=10)}


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What a request presents."""

    headers: Mapping[str, str] = field(default_factory=dict)
    certificate: str = ""
    """The name in the client certificate: a host, or an e-mail address."""


def bearer(token: str) -> Credential:
    return Credential(headers={"Authorization": f"Bearer {token}"})


def basic(password: str) -> Credential:
    text = base64.b64encode(f"grafana:{password}".encode()).decode()
    return Credential(headers={"Authorization": f"Basic {text}"})


class Site:
    """The gateway, who vouches for its users, and the backend that records what reached it."""

    def __init__(
        self, estate: Estate, issuer: Issuer, backend: FakePrometheus, kmock: KMock
    ) -> None:
        self.estate = estate
        self.folder = estate.directory
        self.issuer = issuer
        self.backend = backend
        self.ca, self.clients = trustme.CA(), trustme.CA()
        self.keys = {name: new_key(name) for name in ("grafana", "ops", "both")}
        self.write_certificate(self.ca)
        self.clients.cert_pem.write_to_path(self.folder / "clients.crt")
        self.write_keys(grafana=["shop"], ops=["*"], both=["shop", "bank"])
        _kubernetes(kmock)
        self._kubeconfig = self.folder / "kubeconfig"
        self._kubeconfig.write_text(_kubeconfig(str(kmock.url)))

    def write_certificate(self, ca: trustme.CA) -> None:
        """Replace the gateway's certificate."""
        self.ca = ca
        issued = ca.issue_cert(LOOPBACK)
        issued.private_key_pem.write_to_path(self.folder / "tls.key")
        issued.cert_chain_pems[0].write_to_path(self.folder / "tls.crt")

    def write_keys(self, **tenants: list[str]) -> None:
        """Replace the file of API keys."""
        entries = [{**self.keys[name][1], "tenants": held} for name, held in tenants.items()]
        (self.folder / "keys.yaml").write_text(yaml.safe_dump({"keys": entries}))

    def process(self, **settings: Any) -> Process:
        """Describe the gateway's process."""
        folder = self.folder
        return self.estate.gateway(
            listen={
                "host": LOOPBACK,
                "port": self.estate.port,
                "tls": {
                    "cert_file": str(folder / "tls.crt"),
                    "key_file": str(folder / "tls.key"),
                    "client_ca_file": str(folder / "clients.crt"),
                },
                **settings.pop("listen", {}),
            },
            auth={
                "modes": ["mtls", "jwt", "apikey", "kubernetes", "trusted-header"],
                "mtls": {
                    "grants": [
                        {"pattern": "email:grafana@([a-z]+)\\.example", "tenants": ["$1"]},
                        {"name": "dns:both.example", "tenants": ["shop", "bank"]},
                    ]
                },
                "jwt": {
                    "issuers": [
                        {
                            "issuer": self.issuer.url,
                            "audiences": ["tenantry"],
                            "tenants_claim": "/groups",
                            "grants": [
                                {"pattern": "team-(.+)", "tenants": ["$1"]},
                                {"name": "platform", "tenants": ["*"]},
                            ],
                            "refresh_seconds": 0.5,
                            "unknown_key_seconds": 0.1,
                        }
                    ]
                },
                "apikey": {"file": str(folder / "keys.yaml")},
                "kubernetes": {"kubeconfig": str(self._kubeconfig), "cache_seconds": 0.1},
                "trusted_header": {"certificates": ["dns:proxy.infra"]},
            },
            **settings,
        )

    def trust(self, certificate: str = "") -> ssl.SSLContext:
        """Return the client's side of TLS."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if certificate:
            self.clients.issue_cert(certificate).configure_cert(context)
        return context

    async def ask(
        self, credential: Credential, path: str = "/api/v1/query?query=up", **headers: str
    ) -> Answer:
        """Ask on a connection of its own."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(
                f"https://{LOOPBACK}:{self.estate.port}{path}",
                headers={**credential.headers, **headers},
                ssl=self.trust(credential.certificate),
            ) as response,
        ):
            return Answer(response.status, await response.json())

    async def until(self, expected: int, credential: Credential) -> None:
        """Ask until the status is as expected, for at most 5 seconds."""
        async with asyncio.timeout(5):
            while (await self.ask(credential)).status != expected:  # noqa: ASYNC110 - files announce nothing
                await asyncio.sleep(0.05)


def _kubernetes(kmock: KMock) -> None:
    """Know one token, whose owner may query as `shop`."""

    def token_review(request: kmock_package.Request) -> dict[str, Any]:
        sent = dict(request.data)
        known = sent["spec"]["token"] == "grafanas-token"  # noqa: S105 - of nobody
        status = {"authenticated": known, "user": {"username": GRAFANA if known else ""}}
        return {**sent, "status": status}

    def access_review(request: kmock_package.Request) -> dict[str, Any]:
        sent = dict(request.data)
        allowed = (sent["spec"]["user"], sent["spec"]["resourceAttributes"]["namespace"])
        return {**sent, "status": {"allowed": allowed == (GRAFANA, "shop")}}

    kmock["post /apis/authentication.k8s.io/v1/tokenreviews"] << token_review
    kmock["post /apis/authorization.k8s.io/v1/subjectaccessreviews"] << access_review


def _kubeconfig(url: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "a",
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "clusters": [{"name": "a", "cluster": {"server": url}}],
            "users": [{"name": "a", "user": {"token": "the-gateways-own"}}],
        }
    )


@pytest_asyncio.fixture
async def site(estate: Estate, kmock: KMock) -> AsyncIterator[Site]:
    """A site whose gateway is not started yet."""
    issuer, backend = Issuer(), FakePrometheus()
    issuer.rotate("k1")
    async with issuer.listening(), backend.server:
        for tenant, rule in RULES.items():
            await estate.grant(tenant, rule)
        await estate.publish_urls(backend.backend().url)
        yield Site(estate, issuer, backend, kmock)


@contextlib.asynccontextmanager
async def running(site: Site, **settings: Any) -> AsyncIterator[Process]:
    """Run the gateway, which must end with 0 when it is told to stop."""
    process = site.process(**settings)
    await process.start()
    try:
        yield process
    finally:
        assert await process.terminate() == 0


def named(tenant: str) -> dict[str, str]:
    return {"X-Tenant-Namespace": tenant}


def _requests(site: Site) -> dict[str, tuple[Credential, str, dict[str, str], int | str]]:
    """Return by name: what is presented, path, further headers, status or tenant."""
    issuer, plain = site.issuer, "/api/v1/query?query=up"
    one, two = issuer.token(groups=["team-shop"]), issuer.token(groups=["team-shop", "team-bank"])
    admin = issuer.token(groups=["platform"])
    key = {name: text for name, (text, _) in site.keys.items()}
    expired = issuer.token(groups=["team-shop"], exp=int(time.time()) - 60)
    return {
        "nothing": (Credential(), plain, {}, 401),
        "a tenant's name alone": (Credential(), plain, named("shop"), 401),
        # jwt
        "a token for one tenant": (bearer(one), plain, {}, "shop"),
        "the same, naming it": (bearer(one), plain, named("shop"), "shop"),
        "the same, for another": (bearer(one), plain, named("bank"), 403),
        "the same, for another by path": (bearer(one), f"/tenants/bank{plain}", {}, 403),
        "the same, for another by parameter": (bearer(one), f"{plain}&namespace=bank", {}, 403),
        "a token for two tenants": (bearer(two), plain, {}, 400),
        "the same, by header": (bearer(two), plain, named("bank"), "bank"),
        "the same, by path": (bearer(two), f"/tenants/bank{plain}", {}, "bank"),
        "the same, by parameter": (bearer(two), f"{plain}&namespace=bank", {}, "bank"),
        "the same, by both, differing": (bearer(two), f"/tenants/bank{plain}", named("shop"), 400),
        "an administrator": (bearer(admin), plain, named("bank"), "bank"),
        "an administrator for nobody": (bearer(admin), plain, named("nobody"), 403),
        "a token for no tenant": (bearer(issuer.token(groups=["x"])), plain, named("shop"), 403),
        "a token for somebody else": (bearer(issuer.token(aud="x")), plain, named("shop"), 401),
        "an expired token": (bearer(expired), plain, {}, 401),
        "alg none": (bearer(issuer.unsigned(groups=["platform"])), plain, named("shop"), 401),
        "key confusion": (bearer(issuer.confused(groups=["platform"])), plain, named("shop"), 401),
        "a foreign key": (bearer(issuer.foreign(groups=["platform"])), plain, named("shop"), 401),
        "kid injection": (
            bearer(issuer.foreign(groups=["platform"], headers={"kid": "/dev/null"})),
            plain,
            named("shop"),
            401,
        ),
        # apikey
        "a key as bearer": (bearer(key["grafana"]), plain, {}, "shop"),
        "a key as password": (basic(key["grafana"]), plain, {}, "shop"),
        "a key in its header": (
            Credential(headers={"X-API-Key": key["grafana"]}),
            plain,
            {},
            "shop",
        ),
        "a key for another": (bearer(key["grafana"]), plain, named("bank"), 403),
        "a key for two": (bearer(key["both"]), plain, named("bank"), "bank"),
        "a key for all": (bearer(key["ops"]), plain, named("bank"), "bank"),
        "a wrong key": (bearer(f"tnt_grafana_{'x' * 43}"), plain, {}, 401),
        "another id's secret": (
            bearer(key["grafana"].replace("grafana", "ops", 1)),
            plain,
            named("shop"),
            401,
        ),
        # kubernetes
        "a service account": (bearer("grafanas-token"), plain, {}, "shop"),
        "it may not for another": (bearer("grafanas-token"), plain, named("bank"), 403),
        "an unknown token": (bearer("nobodys-token"), plain, named("shop"), 401),
        # certificates
        "a certificate": (Credential(certificate="grafana@shop.example"), plain, {}, "shop"),
        "a certificate for another": (
            Credential(certificate="grafana@shop.example"),
            plain,
            named("bank"),
            403,
        ),
        "a certificate for two": (
            Credential(certificate="both.example"),
            plain,
            named("bank"),
            "bank",
        ),
        "a certificate without a grant": (
            Credential(certificate="x.example"),
            plain,
            named("bank"),
            401,
        ),
        "a certificate without a grant, and a token": (
            Credential(certificate="x.example", headers=bearer(one).headers),
            plain,
            {},
            "shop",
        ),
        "a proxy's certificate": (
            Credential(certificate="proxy.infra"),
            plain,
            named("bank"),
            "bank",
        ),
        "a proxy that names nobody": (Credential(certificate="proxy.infra"), plain, {}, 401),
    }


async def test_each_identity_gets_its_tenants_and_no_other(site: Site) -> None:
    found: dict[str, int | str] = {}
    async with running(site):
        requests = _requests(site)
        for name, (credential, path, headers, _) in requests.items():
            site.backend.seen.clear()
            answer = await site.ask(credential, path, **headers)
            sent = [dict(seen.pairs)["query"] for seen in site.backend.seen]
            tenants = {query: tenant for tenant, rule in RULES.items() for query in [f"up{rule}"]}
            found[name] = tenants[sent[0]] if answer.status == 200 else answer.status
            assert len(sent) == (answer.status == 200), name

    assert found == {name: expected for name, (*_, expected) in requests.items()}
    log = (site.folder / "gateway.log").read_text()
    secrets = [
        credential.headers.get("Authorization", "")[-20:] for credential, *_ in requests.values()
    ]
    assert not [text for text in secrets if text and text in log]
    events = [json.loads(line) for line in log.splitlines() if '"tenantry.audit"' in line]
    assert {event["mode"] for event in events} == {
        "", "jwt", "apikey", "kubernetes", "mtls", "trusted-header",
    }  # fmt: skip


async def test_a_rotated_key_and_a_withdrawn_api_key_count_within_five_seconds(site: Site) -> None:
    async with running(site):
        old = bearer(site.issuer.token(groups=["team-shop"]))
        key = bearer(site.keys["grafana"][0])
        before = [(await site.ask(one)).status for one in (old, key)]

        site.issuer.rotate("k2")
        site.write_keys(ops=["*"])

        new = bearer(site.issuer.token(groups=["team-shop"]))
        await site.until(200, new)
        await site.until(401, old)
        await site.until(401, key)
        site.issuer.answering = False  # goes on with the keys that it knows
        assert (await site.ask(new)).status == 200

    assert before == [200, 200]


async def test_a_new_certificate_is_served_while_requests_run(site: Site) -> None:
    go = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        await go.wait()
        return await EMPTY_VECTOR(request)

    async with running(site):
        credential = bearer(site.keys["grafana"][0])
        await site.until(200, credential)
        site.backend.answer = slow
        async with asyncio.TaskGroup() as group:
            under_way = group.create_task(site.ask(credential))
            await _until(lambda: len(site.backend.seen) > 1)
            site.write_certificate(trustme.CA())
            go.set()
            async with asyncio.timeout(5):
                while True:
                    with contextlib.suppress(aiohttp.ClientConnectorCertificateError):
                        assert (await site.ask(credential)).status == 200
                        break
                    await asyncio.sleep(0.05)

    assert under_way.result().status == 200


async def test_told_to_stop_it_answers_what_runs_and_says_so_first(site: Site) -> None:
    go = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        await go.wait()
        return await EMPTY_VECTOR(request)

    credential = bearer(site.keys["grafana"][0])
    async with running(site, listen={"drain_delay_seconds": 1}) as process:
        await site.until(200, credential)
        site.backend.seen.clear()
        site.backend.answer = slow
        async with asyncio.TaskGroup() as group:
            under_way = group.create_task(site.ask(credential))
            await _until(lambda: len(site.backend.seen) == 1)
            ending = group.create_task(process.terminate())
            ready = await _not_ready(site.estate)
            late = group.create_task(site.ask(credential))
            await _until(lambda: len(site.backend.seen) == 2)
            await _until_refused(site.estate.port)
            go.set()

    assert "draining: told to stop" in ready.body
    assert (under_way.result().status, late.result().status) == (200, 200)
    assert ending.result() == 0


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a process announces nothing
            await asyncio.sleep(0.01)


async def _not_ready(estate: Estate) -> Answer:
    async with asyncio.timeout(5):
        while (answer := await estate.page("/readyz")).status == 200:  # noqa: ASYNC110 - a process announces nothing
            await asyncio.sleep(0.01)
    return answer


async def _until_refused(port: int) -> None:
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionRefusedError):
            while True:
                _, writer = await asyncio.open_connection(LOOPBACK, port)
                writer.close()
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        pytest.param("tls.key", r"certificate .*tls\.crt and key .*tls\.key", id="key"),
        pytest.param("clients.crt", r"client CA .*clients\.crt", id="client CA"),
        pytest.param("kubeconfig", r"\$\.auth\.kubernetes\.kubeconfig", id="kubeconfig"),
    ],
)
async def test_a_file_that_cannot_be_used_is_named_at_start(
    site: Site, file: str, complaint: str
) -> None:
    (site.folder / file).unlink()
    process = site.process()
    process.spawn()
    code = await asyncio.wait_for(process.wait(), 20)

    assert code == 2
    assert re.search(complaint, process.last_lines())
