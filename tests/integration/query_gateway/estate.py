"""One gateway as a process, the NATS server by which it learns, and how it is asked."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

import tenantry_promql as promql
from tenantry_common import bus, contracts, kv, subjects
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK, free_ports
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.service import service


@dataclass
class Answer:
    """What the gateway or a Prometheus answered."""

    status: int
    body: Any


@dataclass
class Estate:
    """One gateway and the NATS server by which it learns of tenants and backends."""

    directory: Path
    nats: NatsServer
    connection: bus.Bus
    settings: dict[str, Any] = field(default_factory=dict)
    port: int = 0
    ops_port: int = 0

    def __post_init__(self) -> None:
        self.port, self.ops_port = free_ports(2)

    @property
    def url(self) -> str:
        """The tenants' port."""
        return f"http://{LOOPBACK}:{self.port}"

    def gateway(self, module: str = "query_gateway", **settings: Any) -> Process:
        """Describe the gateway's process, with more `settings` if need be."""
        return service(
            module,
            {
                "listen": {"host": LOOPBACK, "port": self.port},
                "auth": {
                    "modes": ["trusted-header"],
                    "trusted_header": {"networks": ["127.0.0.0/8"]},
                },
                **settings,
            },
            name="gateway",
            nats_url=self.nats.url,
            ops_port=self.ops_port,
            config=self.directory / "gateway.yaml",
            log=self.directory / "gateway.log",
        )

    async def grant(self, tenant: str, *rules: str) -> promql.RuleSet:
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
        return compiled

    async def withdraw(self, tenant: str) -> None:
        """Delete the policy of `tenant`."""
        await kv.delete(self.connection, subjects.POLICIES, subjects.token(tenant))

    async def publish(self, *servers: Prometheus) -> None:
        """Publish `servers` as replicas of one another, as discovery would."""
        await self.publish_urls(*(server.url for server in servers))

    async def publish_urls(self, *urls: str) -> None:
        """Publish what is at `urls` as replicas of one another."""
        for number, url in enumerate(urls):
            backend = contracts.Backend(
                id=f"replica-{number}",
                url=url,
                ha_set="infra",
                version="2.42.0",
                traits=contracts.UpstreamTraits(major=2),
                healthy=True,
            )
            key = subjects.token(backend.id)
            await kv.put(self.connection, subjects.BACKENDS, key, contracts.encode(backend))

    async def ask(self, path: str, tenant: str = "", **parameters: str) -> Answer:
        """Ask the gateway as `tenant`."""
        headers = {"X-Tenant-Namespace": tenant} if tenant else {}
        return await ask(f"{self.url}/api/v1/{path}", headers, parameters)

    async def page(self, path: str) -> Answer:
        """Return a page of the ops port."""
        return await ask(f"http://{LOOPBACK}:{self.ops_port}{path}", {}, {})

    async def until(
        self, expected: Callable[[Answer], bool], path: str, tenant: str, **parameters: str
    ) -> Answer:
        """Ask until the answer is as expected, for at most 5 seconds."""
        async with asyncio.timeout(5):
            while not expected(answer := await self.ask(path, tenant, **parameters)):  # noqa: ASYNC110 - a process announces nothing
                await asyncio.sleep(0.02)
        return answer


async def ask(url: str, headers: Mapping[str, str], parameters: Mapping[str, str]) -> Answer:
    """Return the JSON that `url` answers, or its text."""
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(url, params=parameters) as response,
    ):
        if response.content_type == "application/json":
            return Answer(response.status, await response.json())
        return Answer(response.status, await response.text())


@contextlib.asynccontextmanager
async def running(process: Process) -> AsyncIterator[Process]:
    """Run the gateway, which must end with 0 when it is told to stop."""
    await process.start()
    try:
        yield process
    finally:
        assert await process.terminate() == 0


def succeeded(answer: Answer) -> bool:
    return answer.status == 200
