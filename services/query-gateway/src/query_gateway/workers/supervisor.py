"""Start the workers, start those again that end, and speak for all of them on the internal port."""

import asyncio
import contextlib
import errno
import functools
import logging
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from aiohttp import web
from prometheus_client import Counter

from query_gateway import app
from query_gateway.config import Config, Listen
from query_gateway.workers import gather, share
from query_gateway.workers.child import Child, Said
from tenantry_common import backoff, errors, runtime, tasks

_log = logging.getLogger(__name__)

_CHECK_SECONDS = 0.5
_WRONG_CONFIGURATION = 2
_LIVED_SECONDS = 60.0
_PAGES = ("/health", "/debug/targets", "/debug/tenants")


async def main(settings: Config, process: runtime.Runtime) -> None:
    """Run the service in this process, or in as many as are configured."""
    if settings.workers == 1:
        await app.main(settings, process)
        return
    with (
        _reserved(settings.listen) as port,
        tempfile.TemporaryDirectory(prefix="query-gateway-") as directory,
    ):

        def of(number: int, path: str) -> Config:
            return share.of(settings, number, instance=process.instance, port=port, socket=path)

        children = [Child(number, Path(directory), of) for number in range(settings.workers)]
        await _Supervisor(children, process).run()


class _Supervisor:
    """Keeps the workers running."""

    def __init__(self, children: Sequence[Child], process: runtime.Runtime) -> None:
        self._children = children
        self._process = process
        # Workers that ended without being told to, and were started again. Rising: their logs say
        # why; status -9 is the kernel, for want of memory.
        self._restarts = Counter(
            "tenantry_query_gateway_worker_restarts_total",
            "Workers that were started again.",
            registry=process.registry,
        )

    async def run(self) -> None:
        """Keep the workers running until we are told to stop, then until they have ended.

        Raises `errors.ConfigError` when they cannot use their configuration.
        """
        process = self._process
        for child in self._children:
            process.readiness.set(f"worker {child.name}", False, "not started yet")
        process.pages.add("/metrics", self._metrics)
        for path in _PAGES:
            process.pages.add(path, functools.partial(self._page, path))
        _log.info("starting workers", extra={"workers": len(self._children)})
        async with asyncio.TaskGroup() as group:
            watch = tasks.spawn(group, "readiness", self._watch())
            kept = [
                tasks.spawn(group, f"worker {child.name}", self._keep(child))
                for child in self._children
            ]
            await process.stopping.wait()
            process.readiness.set("draining", False, "told to stop")
            for child in self._children:
                child.stop()
            await asyncio.wait(kept)
            watch.cancel()

    async def _keep(self, child: Child) -> None:
        delays = backoff.delays(0.2, 10.0)
        while not self._process.stopping.is_set():
            began = time.monotonic()
            status = await child.run()
            if self._process.stopping.is_set():
                return
            self._process.readiness.set(f"worker {child.name}", False, f"ended with {status}")
            if status == _WRONG_CONFIGURATION:
                raise errors.ConfigError("a worker cannot use its configuration, see above")
            _log.error("worker ended", extra={"worker": child.name, "status": status})
            self._restarts.inc()
            if time.monotonic() - began > _LIVED_SECONDS:
                delays = backoff.delays(0.2, 10.0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.stopping.wait(), next(delays))

    async def _watch(self) -> None:
        """Be ready when all workers are, for ever."""
        while True:
            for child, said in zip(self._children, await self._ask_all("/readyz"), strict=True):
                reason = " ".join(said.text.split())
                self._process.readiness.set(f"worker {child.name}", said.status == 200, reason)
            await asyncio.sleep(_CHECK_SECONDS)

    async def _ask_all(self, path: str) -> list[Said]:
        async with asyncio.TaskGroup() as group:
            asked = [
                tasks.spawn(group, f"ask worker {child.name}", child.ask(path))
                for child in self._children
            ]
        return [task.result() for task in asked]

    async def _metrics(self, _: web.Request) -> web.Response:
        said = zip(self._children, await self._ask_all("/metrics"), strict=True)
        texts = {child.name: one.text for child, one in said if one.status == 200}
        body = gather.exposition(self._process.registry, texts)
        return web.Response(
            body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    async def _page(self, path: str, _: web.Request) -> web.Response:
        """Answer as the first worker that answers: all of them know the same."""
        for child in self._children:
            said = await child.ask(path)
            if said.status:
                return web.Response(
                    status=said.status, text=said.text, content_type="application/json"
                )
        raise web.HTTPServiceUnavailable(text="no worker answers\n")


@contextlib.contextmanager
def _reserved(listen: Listen) -> Iterator[int]:
    """Hold the port for the workers without listening on it; yield its number.

    Raises `errors.ConfigError` when somebody else has it.
    """
    # An attempt without SO_REUSEPORT: with it, another gateway's port could be shared unnoticed.
    port = _bound(listen.host, listen.port, reuse=False)
    number = int(port.getsockname()[1])
    port.close()
    with _bound(listen.host, number, reuse=True):
        yield number


def _bound(host: str, port: int, *, reuse: bool) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            made.bind(address)
        except OSError:
            made.close()
            raise
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "is taken by another process" if taken else error.strerror or str(error)
        raise errors.ConfigError(f"$.listen.port: {host}:{port} {why}") from error
    return made
