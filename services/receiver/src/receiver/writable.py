"""Say whether pushes can be stored: ask the streams for their leaders now and then."""

import asyncio

from tenantry_common import batches, bus, errors, ops, subjects

_SECONDS = 2.0
_STREAMS = (subjects.SAMPLES, subjects.LATEST)


async def watch(connection: bus.Bus, readiness: ops.Readiness) -> None:
    """Set readiness condition ``streams``, for ever."""
    while True:
        try:
            for stream in _STREAMS:
                await batches.led(connection, stream)
        except errors.BusUnavailable as error:
            readiness.set("streams", False, str(error))
        else:
            readiness.set("streams", True)
        await asyncio.sleep(_SECONDS)
