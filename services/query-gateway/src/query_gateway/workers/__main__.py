"""The entry of a worker: the gateway on its own, which ends when the process that started it does."""

import asyncio
import sys

import uvloop

from query_gateway import app
from query_gateway.config import Config
from tenantry_common import runtime


async def _main(settings: Config, process: runtime.Runtime) -> None:
    loop = asyncio.get_running_loop()
    parent = sys.stdin.fileno()

    def ended() -> None:
        loop.remove_reader(parent)
        process.stopping.set()

    # The other end of this pipe is the supervisor's, which never writes: it becomes readable when
    # that has ended, however it did.
    loop.add_reader(parent, ended)
    try:
        await app.main(settings, process)
    finally:
        loop.remove_reader(parent)


if __name__ == "__main__":
    runtime.run("query-gateway", Config, _main, loop_factory=uvloop.new_event_loop)
