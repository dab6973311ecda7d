"""The running gateway as what is tested: the process, on a real nats-server, asked over HTTP.

Policies and the backend are published directly, in the words in which the tenant-controller and
discovery would publish them.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
from tests.oracle.promql import answers, servers
from tests.oracle.promql.answers import Answer, Unreadable
from tests.oracle.promql.client import Client
from tests.oracle.promql.estate import Estate
from tests.oracle.promql.moments import Moment
from tests.oracle.promql.rulesets import Given
from tests.oracle.promql.through import NOT_READ, REFUSED, Through

from tenantry_common import bus, config, contracts, kv, streams, subjects
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK, free_ports
from tenantry_local.service import service

_EFFECTIVE_WITHIN = 10.0  # seconds
_POLL = 0.02
# How the gateway's errors of its own are told from those of the server behind it.
_SAYS_REFUSED = " is refused because "
_SAYS_NOT_READ = "parse error: "


class Gateway:
    """A running gateway; each rule set is a tenant of its own."""

    def __init__(self, estate: Estate, url: str, connection: bus.Bus, library: Through) -> None:
        self._estate = estate
        self._url = url
        self._bus = connection
        self._library = library
        self._clients: dict[str, Client] = {}

    async def admit(self, given: Given) -> None:
        """Publish the policy, and wait until the gateway answers the tenant."""
        tenant = _tenant(given)
        if tenant in self._clients:
            return
        rules = [
            tuple(contracts.Matcher(*matcher) for matcher in rule) for rule in given.compiled.rules
        ]
        policy = contracts.TenantPolicy(
            tenant=tenant, digest=given.compiled.digest, rules=tuple(rules)
        )
        key = subjects.token(tenant)
        await kv.put(self._bus, subjects.POLICIES, key, contracts.encode(policy))
        client = Client(self._estate.http, self._url, {"X-Tenant-Namespace": tenant})
        async with asyncio.timeout(_EFFECTIVE_WITHIN):
            while not await _is_answered(client):  # noqa: ASYNC110 - a process announces nothing
                await asyncio.sleep(_POLL)
        self._clients[tenant] = client

    async def ask(self, given: Given, query: str, moment: Moment) -> Answer:
        """Ask as the tenant."""
        answer = await self._clients[_tenant(given)].ask(query, moment)
        if _SAYS_REFUSED in answer.error:
            return Answer(error_type=REFUSED, error=answer.error)
        if _SAYS_NOT_READ in answer.error:
            return Answer(error_type=NOT_READ, error=answer.error)
        return answer

    def sent(self, given: Given, query: str) -> str:
        """Return what the library makes of the query; the gateway should have sent the same."""
        return self._library.sent(given, query)


def _tenant(given: Given) -> str:
    return f"tenant-{given.compiled.digest[:24]}"


async def _is_answered(client: Client) -> bool:
    try:
        return not answers.read(await client.body("vector(1)", Moment(0, 0))).error_type
    except (Unreadable, aiohttp.ClientError):
        return False


@asynccontextmanager
async def gateway(
    estate: Estate, library: Through, backends: Sequence[contracts.Backend] = ()
) -> AsyncIterator[Gateway]:
    """Run a nats-server and a gateway in front of `backends` (none: server A) while the context lasts."""
    nats = NatsServer(estate.directory / "nats")
    await nats.start()
    port, ops_port = free_ports(2)
    process = service(
        "query_gateway",
        {
            "listen": {"host": LOOPBACK, "port": port},
            "auth": {
                "modes": ["trusted-header"],
                "trusted_header": {"networks": ["127.0.0.0/8"]},
            },
            # The oracle asks as one tenant what a cluster of them would.
            "limits": {"requests_per_second": 1e6, "burst": 1e6},
        },
        name="gateway",
        nats_url=nats.url,
        ops_port=ops_port,
        config=estate.directory / "gateway.yaml",
        log=estate.directory / "gateway.log",
    )
    settings = config.Nats(servers=(nats.url,))
    try:
        async with bus.connect(settings, "oracle") as connection:
            await streams.ensure(connection, settings)
            for one in backends or (await servers.backend(estate.everything, estate.http),):
                key = subjects.token(one.id)
                await kv.put(connection, subjects.BACKENDS, key, contracts.encode(one))
            await process.start()
            yield Gateway(estate, f"http://{LOOPBACK}:{port}", connection, library)
    finally:
        if process.running:
            await process.kill()
        await nats.kill()
