"""One child process with a log file, a readiness probe and a certain end."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tenantry_local import die_with_parent, readiness
from tenantry_local.errors import PortTaken, StartFailed
from tenantry_local.ports import is_free

READY_WITHIN = 60.0  # seconds; what a start takes where many others want the cores, and then some
GRACE = 10.0  # seconds between SIGTERM and SIGKILL

_PROBE_EVERY = 0.02
_POLL_EVERY = 0.02
_SHOWN_LINES = 15
_TAIL_BYTES = 16_384


class Process:
    """A program run as a child, in its own session, its output appended to `log`.

    It dies with this process (on Linux even when this process is killed), and Ctrl-C in the terminal
    reaches only the supervisor, which then stops its children in order. It may be started again
    after it ended. Nothing here is bound to one event loop: a test may stop what a session-wide
    fixture on another loop started.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        ports: Sequence[int] = (),
        ready: readiness.Probe = readiness.immediately,
    ) -> None:
        """Describe the child; `env` is added to this environment, `ports` are those it will bind."""
        self.name = name
        self.argv = tuple(map(str, argv))
        self.log = log
        self._env = {**os.environ, **(env or {})}
        self._cwd = cwd
        self._ports = tuple(ports)
        self._ready = ready
        self._child: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def __repr__(self) -> str:
        return f"<Process {self.name} pid={self.pid} returncode={self.returncode}>"

    @property
    def pid(self) -> int | None:
        """Number of the running or last child; None before the first start."""
        return self._child.pid if self._child else None

    @property
    def returncode(self) -> int | None:
        """Exit status of the last child, negative for a signal; None while it runs."""
        return self._child.poll() if self._child else None

    @property
    def running(self) -> bool:
        """Whether the child exists and has not ended (a paused child runs)."""
        return self._child is not None and self._child.poll() is None

    def spawn(self) -> None:
        """Start the child without waiting until it is ready."""
        if self.running:
            raise StartFailed(f"{self.name} runs already (pid {self.pid})")
        # Asked before, because whoever holds the port may answer our probe in the child's place.
        if taken := [port for port in self._ports if not is_free(port)]:
            raise PortTaken(f"{self.name}: another process listens on port {taken[0]}")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            try:
                self._child = subprocess.Popen(  # noqa: S603 - running what it is given is its purpose
                    [*_tie_to_this_process(), *self.argv],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self._env,
                    cwd=self._cwd,
                    start_new_session=True,
                )
            except OSError as error:
                raise StartFailed(f"{self.name} cannot be started: {error}") from error

    async def wait_ready(self, timeout: float = READY_WITHIN) -> None:
        """Return once the probe says yes; raise StartFailed if the child ends or time runs out."""
        try:
            async with asyncio.timeout(timeout):
                while self.running:
                    if await self._ready():
                        return
                    await asyncio.sleep(_PROBE_EVERY)
        except TimeoutError:
            raise self._failure(f"was not ready within {timeout:g} s") from None
        raise self._failure(f"ended with status {self.returncode} before it was ready")

    async def start(self, timeout: float = READY_WITHIN) -> None:
        """Spawn the child and wait until it is ready; a child that fails is not left running."""
        self.spawn()
        try:
            await self.wait_ready(timeout)
        except BaseException:  # also a cancelled start must leave nothing behind
            await self.kill()
            raise

    async def wait(self) -> int:
        """Return the exit status once the child has ended."""
        child = self._started()
        await _ended(child)
        return child.wait()

    async def terminate(self, grace: float = GRACE) -> int:
        """Ask the child to end, force it after `grace` seconds; return its exit status."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # a paused process would not see the request
        try:
            async with asyncio.timeout(grace):
                return await self.wait()
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        """End the child at once, as a crash would; return its exit status."""
        self._signal(signal.SIGKILL)
        return await self.wait()

    def pause(self) -> None:
        """Freeze the child: its sockets stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused child go on."""
        self._signal(signal.SIGCONT)

    def last_lines(self, count: int = _SHOWN_LINES) -> str:
        """Return the end of what the child wrote since it was last started."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, end - _TAIL_BYTES))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])

    def _signal(self, number: signal.Signals) -> None:
        child = self._started()
        child.send_signal(number)  # does nothing when the child was reaped

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise StartFailed(f"{self.name} was never started")
        return self._child

    def _failure(self, what: str) -> StartFailed:
        lines = self.last_lines()
        if "address already in use" in lines.lower():
            return PortTaken(f"{self.name}: a port it needs is taken\n{lines}\n(log: {self.log})")
        return StartFailed(f"{self.name} {what}\n{lines}\n(log: {self.log})")


def _tie_to_this_process() -> list[str]:
    """Return the words before a command line that make the command die with this process."""
    if sys.platform != "linux":
        return []
    return [sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid())]


async def _ended(child: subprocess.Popen[bytes]) -> None:
    """Wait for the end of `child` in whatever event loop runs now."""
    if child.poll() is not None:
        return
    try:
        descriptor = os.pidfd_open(child.pid)
    except (AttributeError, OSError):  # not Linux, or a sandbox without the call
        while child.poll() is None:  # noqa: ASYNC110 - nothing announces the end here
            await asyncio.sleep(_POLL_EVERY)
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
