"""A nats-server of the test's own, and receivers at it as real processes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from receiver import testing
from receiver.testing import Issuer
from tenantry_common import bus, contracts, kv, subjects
from tenantry_common.contracts import DeliveryJob
from tenantry_common.subjects import JobRef
from tenantry_common.testing import ready_bus
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK, free_ports
from tenantry_local.process import Process
from tenantry_local.server import Launch, native
from tenantry_local.service import service


@dataclass
class Site:
    """One nats-server, a job, and the means to push to it."""

    folder: Path
    nats: NatsServer
    bus: bus.Bus
    session: aiohttp.ClientSession
    issuer: Issuer = field(default_factory=Issuer)
    receivers: list[Process] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    ops_urls: list[str] = field(default_factory=list)

    @property
    def keys_file(self) -> Path:
        """Where the receivers read the keys of tokens."""
        return self.folder / "keys.json"

    async def publish(self, job: DeliveryJob) -> None:
        """Put a job where receivers find it, and wait until all of them have."""
        ref = JobRef(job.tenant, job.name)
        await kv.put(self.bus, subjects.JOBS, subjects.job_key(ref), contracts.encode(job))
        for url in self.ops_urls:
            await self.until(lambda url=url: self._has(url, job))  # type: ignore[misc]

    async def _has(self, url: str, job: DeliveryJob) -> bool:
        async with self.session.get(f"{url}/debug/push") as answer:
            found = (await answer.json())["jobs"].get(f"{job.tenant}/{job.name}")
        wanted: object = msgspec.json.decode(msgspec.json.encode(job.push))
        return bool(found == wanted)

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
        """Wait for what nothing announces."""
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.05)

    async def start(self, **settings: Any) -> str:
        """Start one more receiver; return its URL."""
        self.keys_file.write_bytes(self.issuer.document)
        number = len(self.receivers)
        port, ops_port = free_ports(2)
        process = service(
            "receiver",
            {
                "listen": {"host": LOOPBACK, "port": port, **settings.pop("listen", {})},
                "auth": {"tokens": {"keys_file": str(self.keys_file)}, **settings.pop("auth", {})},
                **settings,
            },
            name=f"receiver-{number}",
            nats_url=self.nats.url,
            ops_port=ops_port,
            config=self.folder / f"receiver-{number}.yaml",
            log=self.folder / f"receiver-{number}.log",
        )
        await process.start()
        self.receivers.append(process)
        self.urls.append(f"http://{LOOPBACK}:{port}")
        self.ops_urls.append(f"http://{LOOPBACK}:{ops_port}")
        return self.urls[-1]

    async def upload(
        self, body: bytes, cluster: str = "cluster-a", **more: Any
    ) -> aiohttp.ClientResponse:
        """Push an upload of delimited families as telemeter's client does; return the answer, read."""
        headers = {
            "Authorization": f"Bearer {self.issuer.token(cluster)}",
            "Content-Type": testing.PROTOBUF,
            "Content-Encoding": "snappy",
            **more.pop("headers", {}),
        }
        url = more.pop("url", self.urls[0])
        data = more.pop("data", None) or testing.frames(body)
        async with self.session.post(f"{url}/upload", data=data, headers=headers) as answer:
            await answer.read()
            return answer


@contextlib.asynccontextmanager
async def a_site(folder: Path, launch: Launch = native) -> AsyncIterator[Site]:
    """Yield a site without a receiver yet; everything ends with it."""
    nats = NatsServer(folder / "nats", launch=launch)
    async with contextlib.AsyncExitStack() as stack:
        await nats.start()
        stack.push_async_callback(nats.kill)
        connection = await stack.enter_async_context(ready_bus(nats.url))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        made = Site(folder, nats, connection, session)
        try:
            yield made
        finally:
            for process in made.receivers:
                if process.running:
                    await process.kill()


@pytest_asyncio.fixture
async def site(tmp_path: Path, launch_server: Launch) -> AsyncIterator[Site]:
    """A site of the test's own."""
    async with a_site(tmp_path, launch_server) as made:
        yield made


@pytest.fixture
def now_ms() -> int:
    """The time that clusters send."""
    return testing.now_ms()
