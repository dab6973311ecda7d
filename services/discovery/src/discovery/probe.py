"""Ask one backend over HTTP whether it is ready and what it is.

Redirects are not followed (the address is what was configured, not what it points to), answers are
read up to a bound, and whatever goes wrong is part of the observation.
"""

import asyncio
import os
from collections.abc import Callable

import aiohttp

from discovery import answers, observation
from discovery.observation import Held, Observation, Silent
from discovery.target import Target
from tenantry_common.backend_access import Closed, Keyring, Way

READY = "/-/ready"
BUILD_INFO = "/api/v1/status/buildinfo"
CONFIG = "/api/v1/status/config"
FLAGS = "/api/v1/status/flags"
RUNTIME_INFO = "/api/v1/status/runtimeinfo"
METRICS = "/metrics"

_MAX_BYTES = 32 << 20  # configurations of thousands of jobs are megabytes


def session() -> aiohttp.ClientSession:
    """Return the client for probes; the caller closes it."""
    return aiohttp.ClientSession(
        headers={"Accept-Encoding": "identity", "User-Agent": "tenantry-discovery"},
        connector=aiohttp.TCPConnector(limit=64),
        trust_env=False,
        auto_decompress=False,
    )


class Probe:
    """Asks backends, each with the credentials of its access profile."""

    def __init__(self, client: aiohttp.ClientSession, keyring: Keyring, timeout: float) -> None:
        """`timeout` is in seconds, for all requests of one probe together."""
        self._client = client
        self._keyring = keyring
        self._timeout = timeout

    async def ask(self, target: Target) -> Observation:
        """Return what `target` answers; never raises for its faults."""
        try:
            way = self._keyring.open(target.url, target.access)
        except Closed as error:
            closed = Silent(str(error))
            return Observation(
                ready=closed, version=closed, external_labels=closed, features=closed, held=closed
            )
        async with asyncio.TaskGroup() as group:
            ready = group.create_task(self._get(target, way, READY, bytes))
            version = group.create_task(self._get(target, way, BUILD_INFO, answers.version))
            labels = group.create_task(self._get(target, way, CONFIG, answers.external_labels))
            flags = group.create_task(self._get(target, way, FLAGS, answers.features))
            held = group.create_task(self._held(target, way))
            product = group.create_task(self._is_victoria_metrics(target, way))
        state = ready.result()
        return Observation(
            ready=state if isinstance(state, Silent) else None,
            version=version.result(),
            external_labels=labels.result(),
            features=flags.result(),
            held=held.result(),
            is_victoria_metrics=product.result(),
        )

    async def _is_victoria_metrics(self, target: Target, way: Way) -> bool:
        if target.product != "victoriametrics":
            return False
        return await self._get(target, way, METRICS, answers.is_victoria_metrics) is True

    async def _held(self, target: Target, way: Way) -> Held | Silent:
        # In this order: what is read of a process that starts in between is never taken for more.
        try:
            async with asyncio.timeout(self._timeout):
                started = await self._get(target, way, RUNTIME_INFO, answers.started)
                if isinstance(started, Silent):
                    return started
                oldest = await self._get(target, way, METRICS, answers.oldest_ms)
                return oldest if isinstance(oldest, Silent) else Held(started, oldest)
        except TimeoutError:
            return Silent(f"{METRICS}: no answer within {self._timeout:g} s")

    async def _get[T](
        self, target: Target, way: Way, path: str, read: Callable[[bytes], T]
    ) -> T | Silent:
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._client.get(
                    target.url + path,
                    headers=way.headers,
                    ssl=way.tls,
                    server_hostname=way.server_name,
                    allow_redirects=False,
                ) as response,
            ):
                if response.status != 200:
                    return observation.refusal(path, response.status)
                return read(await _body(response))
        except TimeoutError:
            return Silent(f"{path}: no answer within {self._timeout:g} s")
        except answers.Unexpected as error:
            return Silent(f"{path}: {error}", closed=True)
        except aiohttp.ClientConnectorCertificateError as error:
            return Silent(f"{path}: its certificate is not accepted: {_verdict(error)}")
        except aiohttp.ClientConnectorError as error:
            number = error.os_error.errno  # None when several addresses were tried
            return Silent(f"{path}: {os.strerror(number) if number else error.os_error}")
        except (aiohttp.ClientError, OSError) as error:
            return Silent(f"{path}: {error or type(error).__name__}")


def _verdict(error: aiohttp.ClientConnectorCertificateError) -> str:
    return str(getattr(error.certificate_error, "verify_message", error.certificate_error))


async def _body(response: aiohttp.ClientResponse) -> bytes:
    chunks = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > _MAX_BYTES:
            raise answers.Unexpected(f"the answer is larger than {_MAX_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
