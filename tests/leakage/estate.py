"""What the attacks run against: the real gateway as a process, in front of a real Prometheus."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from tests.leakage import judge, victim
from tests.leakage.recorder import Recorder
from yarl import URL

import tenantry_promql as promql
from query_gateway.identity.testing import Issuer
from tenantry_common import bus, contracts, kv, subjects, testing
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK, free_ports
from tenantry_local.prometheus import Prometheus
from tenantry_local.server import Launch
from tenantry_local.service import service

_AT_ONCE = 16


@dataclass(frozen=True)
class Answered:
    """What a tenant or a tester is answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Tally:
    """What was tried in this session, and what leaked."""

    cases: int = 0
    leaks: list[str] = field(default_factory=list)


TALLY = Tally()


@dataclass
class Estate:
    """Everything that runs."""

    port: int
    ops_port: int
    recorder: Recorder
    permitted: dict[str, str]
    """Tenant → URL of a Prometheus that holds what it may see, and nothing else."""
    connection: bus.Bus
    session: aiohttp.ClientSession
    issuer: Issuer
    """An identity provider whose tokens the gateway takes."""
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    @property
    def url(self) -> str:
        """The tenants' port."""
        return f"http://{LOOPBACK}:{self.port}"

    async def attack(
        self,
        tenant: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Answered:
        """Send one hostile request and count it. `path` is sent as it stands."""
        given = {"X-Tenant-Namespace": tenant, "Accept-Encoding": "identity", **(headers or {})}
        TALLY.cases += 1
        found = await self.send(f"{self.url}{path}", method, headers=given, **more)
        if judge.answered(found.body, found.headers):
            TALLY.leaks.append(f"{tenant} {method} {path} {more}: {found.body[:500]!r}")
        return found

    async def send(self, url: str, method: str, **more: Any) -> Answered:
        """Send a request and return what is answered."""
        async with (
            self.places,
            self.session.request(
                method, URL(url, encoded=True), allow_redirects=False, **more
            ) as answer,
        ):
            return Answered(answer.status, dict(answer.headers), await answer.read())

    @contextlib.contextmanager
    def judged(self, tenant: str) -> Any:
        """Judge everything that reaches Prometheus in the meantime, and what was answered."""
        before = len(TALLY.leaks)
        with self.recorder.watching() as reached:
            yield reached
        TALLY.leaks += judge.sent(reached, tenant)
        if found := TALLY.leaks[before:]:
            raise AssertionError("\n".join(found))

    async def grant(self, tenant: str, *rules: str) -> None:
        """Publish what `tenant` may see, as the tenant-controller would."""
        compiled = promql.RuleSet(map(promql.parse_rule, rules))
        policy = contracts.TenantPolicy(
            tenant=tenant,
            digest=compiled.digest,
            rules=tuple(
                tuple(contracts.Matcher(*matcher) for matcher in rule) for rule in compiled.rules
            ),
        )
        key = subjects.token(tenant)
        await kv.put(self.connection, subjects.POLICIES, key, contracts.encode(policy))

    async def withdraw(self, tenant: str) -> None:
        """Delete the policy of `tenant`."""
        await kv.delete(self.connection, subjects.POLICIES, subjects.token(tenant))


async def prometheus(directory: Path, launch: Launch, **more: Any) -> Prometheus:
    """Start a server."""
    directory.mkdir()
    server = Prometheus(
        directory,
        launch=launch,
        flags=("--enable-feature=exemplar-storage",),
        **more,
    )
    await server.start()
    return server


def scraped() -> TestServer:
    """Return a target of the victim's, for metadata."""

    async def expose(_: web.Request) -> web.Response:
        kind = "application/openmetrics-text; version=1.0.0"
        return web.Response(text=victim.EXPOSED, headers={"Content-Type": kind})

    app = web.Application()
    app.router.add_get("/metrics", expose)
    return TestServer(app)


async def everything(directory: Path, launch: Launch, target: BaseTestServer) -> Prometheus:
    """Start the server that holds all series, scrapes the victim and evaluates the victim's rules."""
    rules = directory / f"{victim.MARK}.yml"
    rules.write_text(yaml.safe_dump(victim.RULES))
    labels = {"secret": victim.MARK, "namespace": victim.VICTIM}
    return await prometheus(
        directory / "everything",
        launch,
        scrape_interval="1s",
        scrape_configs=[
            {
                "job_name": f"job-{victim.MARK}",
                "static_configs": [{"targets": [f"{target.host}:{target.port}"], "labels": labels}],
            }
        ],
        settings={
            "rule_files": [str(rules)],
            "storage": {"exemplars": {"max_exemplars": 10_000}},
        },
    )


@contextlib.asynccontextmanager
async def running(directory: Path, launch: Launch) -> AsyncIterator[Estate]:
    """Run everything while the context lasts."""
    async with contextlib.AsyncExitStack() as stack:
        nats = NatsServer(directory, launch=launch)
        await nats.start()
        stack.push_async_callback(nats.kill)
        connection = await stack.enter_async_context(testing.ready_bus(nats.url))
        target = await stack.enter_async_context(scraped())
        source = await everything(directory, launch, target)
        stack.push_async_callback(source.kill)
        now = int(time.time())
        await victim.load(source, promql.RuleSet([()]), now)
        permitted = {}
        for tenant in victim.TENANTS:
            server = await prometheus(
                directory / tenant,
                launch,
                settings={"storage": {"exemplars": {"max_exemplars": 10_000}}},
            )
            stack.push_async_callback(server.kill)
            await victim.load(server, victim.permitted(tenant), now)
            permitted[tenant] = server.url
        recorder = await stack.enter_async_context(Recorder(source.url).running())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        port, ops_port = free_ports(2)
        issuer = Issuer()
        issuer.rotate("key-1", "RS256")
        (directory / "jwks.json").write_bytes(issuer.document)
        estate = Estate(port, ops_port, recorder, permitted, connection, session, issuer)
        for tenant, rules in victim.TENANTS.items():
            await estate.grant(tenant, *rules)
        await estate.grant(victim.VICTIM, f'{{secret="{victim.MARK}"}}')
        backend = contracts.Backend(
            id="a",
            url=recorder.url,
            ha_set="a",
            version="2.42.0",
            traits=contracts.UpstreamTraits(major=2),
            healthy=True,
        )
        await kv.put(connection, subjects.BACKENDS, "a", contracts.encode(backend))
        gateway = service(
            "query_gateway",
            {
                "listen": {"host": LOOPBACK, "port": port},
                "auth": {
                    "modes": ["jwt", "trusted-header"],
                    "trusted_header": {"networks": ["127.0.0.0/8"]},
                    "jwt": {
                        "issuers": [
                            {
                                "issuer": issuer.url,
                                "audiences": ["tenantry"],
                                "jwks_file": str(directory / "jwks.json"),
                            }
                        ]
                    },
                },
                "limits": {"requests_per_second": 1e6, "burst": 1e6},
                "checked_share": 0.5,
            },
            name="gateway",
            nats_url=nats.url,
            ops_port=ops_port,
            config=directory / "gateway.yaml",
            log=directory / "gateway.log",
        )
        await gateway.start()
        stack.push_async_callback(gateway.terminate)
        yield estate
