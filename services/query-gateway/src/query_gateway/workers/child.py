"""One worker: its process, and what it says of itself on its internal socket."""

import asyncio
import asyncio.subprocess
import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec

from query_gateway.config import Config
from tenantry_common import config

_ANSWER_WITHIN = aiohttp.ClientTimeout(total=2)


@dataclass(frozen=True)
class Said:
    """An answer of a worker."""

    status: int
    """The HTTP status, 0 where there was no answer."""
    text: str


class Child:
    """A worker's process, which may be started again after it has ended."""

    def __init__(
        self, number: int, directory: Path, settings: Callable[[int, str], Config]
    ) -> None:
        """Take `settings`, which returns the worker's by its number and the path of its socket."""
        self.name = str(number)
        self._socket = directory / f"{number}.sock"
        self._config = directory / f"{number}.yaml"
        self._config.write_bytes(msgspec.json.encode(settings(number, str(self._socket))))
        self._process: asyncio.subprocess.Process | None = None
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """Number of the running or last process."""
        return self._process.pid if self._process else None

    async def run(self) -> int:
        """Start the worker and wait until it ends; return its exit status.

        It ends with us, however we end: then its standard input does.
        """
        self._socket.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "query_gateway.workers",
            "--config",
            str(self._config),
            stdin=asyncio.subprocess.PIPE,
            # All of it is in the file; what overrode ours must not override that.
            env={k: v for k, v in os.environ.items() if not k.startswith(config.ENV_PREFIX)},
        )
        if self._stopped:
            self._signal(self._process.terminate)
        try:
            return await self._process.wait()
        except asyncio.CancelledError:
            self._signal(self._process.kill)
            await self._process.wait()
            raise

    def stop(self) -> None:
        """Tell the worker to answer what runs, and to end."""
        self._stopped = True
        if self._process is not None:
            self._signal(self._process.terminate)

    def _signal(self, send: Callable[[], None]) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                send()

    async def ask(self, path: str) -> Said:
        """Return what the worker answers at `path` of its internal socket."""
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.UnixConnector(str(self._socket)), timeout=_ANSWER_WITHIN
                ) as session,
                session.get(f"http://worker{path}") as answer,
            ):
                return Said(answer.status, await answer.text())
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            return Said(0, f"no answer: {type(error).__name__}")
