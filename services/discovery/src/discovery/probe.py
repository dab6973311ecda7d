"""Ask one backend over HTTP whether it is ready and what it is.

Redirects are not followed (the address is what was configured, not what it points to), answers are
read up to a bound, and whatever goes wrong is part of the observation.
"""

import asyncio
import os
from collections.abc import Callable

import aiohttp

from discovery import answers, observation
from discovery.observation import Observation, Silent
from discovery.target import Target

READY = "/-/ready"
BUILD_INFO = "/api/v1/status/buildinfo"
CONFIG = "/api/v1/status/config"
FLAGS = "/api/v1/status/flags"

_MAX_BYTES = 32 << 20  # configurations of thousands of jobs are megabytes


def session() -> aiohttp.ClientSession:
    """Return the client for probes; the caller closes it."""
    return aiohttp.ClientSession(
        headers={"Accept-Encoding": "identity", "User-Agent": "tenantry-discovery"},
        connector=aiohttp.TCPConnector(limit=64),
        trust_env=False,
        auto_decompress=False,
    )


async def probe(client: aiohttp.ClientSession, target: Target, timeout: float) -> Observation:
    """Return what `target` answers within `timeout` seconds; never raises for its faults."""
    async with asyncio.TaskGroup() as group:
        ready = group.create_task(_ask(client, target, READY, timeout, bytes))
        version = group.create_task(_ask(client, target, BUILD_INFO, timeout, answers.version))
        labels = group.create_task(_ask(client, target, CONFIG, timeout, answers.external_labels))
        flags = group.create_task(_ask(client, target, FLAGS, timeout, answers.features))
    state = ready.result()
    return Observation(
        ready=state if isinstance(state, Silent) else None,
        version=version.result(),
        external_labels=labels.result(),
        features=flags.result(),
    )


async def _ask[T](
    client: aiohttp.ClientSession,
    target: Target,
    path: str,
    timeout: float,
    read: Callable[[bytes], T],
) -> T | Silent:
    try:
        async with (
            asyncio.timeout(timeout),
            client.get(target.url + path, allow_redirects=False) as response,
        ):
            if response.status != 200:
                return observation.refusal(path, response.status)
            return read(await _body(response))
    except TimeoutError:
        return Silent(f"{path}: no answer within {timeout:g} s")
    except answers.Unexpected as error:
        return Silent(f"{path}: {error}", closed=True)
    except aiohttp.ClientConnectorError as error:
        number = error.os_error.errno  # None when several addresses were tried
        return Silent(f"{path}: {os.strerror(number) if number else error.os_error}")
    except (aiohttp.ClientError, OSError) as error:
        return Silent(f"{path}: {error or type(error).__name__}")


async def _body(response: aiohttp.ClientResponse) -> bytes:
    chunks = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > _MAX_BYTES:
            raise answers.Unexpected(f"the answer is larger than {_MAX_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
