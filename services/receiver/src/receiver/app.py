"""Composition root of the receiver: builds the clients, wires the parts, owns the tasks."""

from receiver.config import Config
from receiver.metrics import Metrics
from tenantry_common import runtime, streams, tasks


async def main(settings: Config, process: runtime.Runtime) -> None:
    """Take pushes until `process.stopping` is set, then drain."""
    Metrics(process.registry)
    async with process.connect() as connection:
        await tasks.until(process.stopping, streams.ensure(connection, settings.nats))
        await process.stopping.wait()
