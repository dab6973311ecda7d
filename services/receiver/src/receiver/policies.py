"""The jobs that clusters may push to, compiled, as they are now."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from receiver import verdicts
from receiver.verdicts import Rulings
from tenantry_common import credentials, kv, label_steps, logs, tasks
from tenantry_common.contracts import DeliveryJob, PushPolicy
from tenantry_common.subjects import JobRef

_log = logging.getLogger(__name__)

_SALT_SECONDS = 30.0

EVERY = "*"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A job that clusters push to."""

    ref: JobRef
    digest: str
    push: PushPolicy
    rulings: Rulings
    sources: frozenset[str]
    """Clusters that may push, or `*`."""
    version: bytes
    """Tells its verdicts from those of other jobs and versions."""

    def permits(self, cluster: str) -> bool:
        """Return whether `cluster` may push."""
        return cluster in self.sources or EVERY in self.sources


class Policies:
    """A mirror of KV `jobs`. A job that cannot be compiled takes no pushes, and that is said."""

    def __init__(
        self,
        view: kv.KvView[DeliveryJob],
        secrets: credentials.Source,
        *,
        on_error: Callable[[], None] = lambda: None,
    ) -> None:
        self._view = view
        self._secrets = secrets
        self._on_error = on_error
        self._known: dict[JobRef, Policy] = {}
        self._broken: dict[JobRef, str] = {}
        self._sources: dict[JobRef, tuple[DeliveryJob, bytes]] = {}
        self._throttle = logs.Throttle(60)
        self.ready = False

    @property
    def known(self) -> Mapping[JobRef, Policy]:
        """The jobs that take pushes."""
        return self._known

    @property
    def broken(self) -> Mapping[JobRef, str]:
        """The jobs that should take pushes and cannot, and why."""
        return self._broken

    async def run(self) -> None:
        """Follow the bucket for ever, and read salts again now and then."""
        async with asyncio.TaskGroup() as group:
            tasks.spawn(group, "follow jobs", self._view.run())
            await tasks.forever("compile jobs", self._step, on_error=self._on_error)

    async def _step(self) -> None:
        version = self._view.version
        if version or self.ready:
            await self.take()
        try:
            async with asyncio.timeout(_SALT_SECONDS):
                await self._view.newer(version)
        except TimeoutError:
            return
        await self.take()

    async def take(self) -> None:
        """Go over to the jobs, and to their salts, as they are now."""
        pushes = [job for job in self._view.snapshot.values() if job.push is not None]
        for job in pushes:
            await self._take_one(job)
        current = {JobRef(job.tenant, job.name) for job in pushes}
        for gone in {*self._known, *self._broken} - current:
            self._forget(gone)
            self._broken.pop(gone, None)
        self.ready = True

    async def _take_one(self, job: DeliveryJob) -> None:
        ref = JobRef(job.tenant, job.name)
        try:
            salt = await self._salt(job)
            if self._sources.get(ref) == (job, salt):
                return
            self._known[ref] = compile(job, salt)
        except (credentials.Unreadable, ValueError) as error:
            self._forget(ref)
            self._broken[ref] = str(error)
            if self._throttle.allow(str(ref)):
                _log.error("job takes no pushes", extra={"job": str(ref), "error": str(error)})
        else:
            self._sources[ref] = (job, salt)
            self._broken.pop(ref, None)

    def _forget(self, ref: JobRef) -> None:
        self._known.pop(ref, None)
        self._sources.pop(ref, None)

    async def _salt(self, job: DeliveryJob) -> bytes:
        if not job.steps.anonymise or job.steps.salt is None:
            return b""
        return label_steps.salt_of(await self._secrets.read(job.tenant, job.steps.salt))


def compile(job: DeliveryJob, salt: bytes) -> Policy:
    """Return the policy that a job stands for. Raises ValueError for one that is none."""
    if job.push is None:
        raise ValueError("nobody pushes to this job")
    return Policy(
        ref=JobRef(job.tenant, job.name),
        digest=job.digest,
        push=job.push,
        rulings=Rulings(job, job.push, salt),
        sources=frozenset(job.push.sources),
        version=verdicts.version(job, salt),
    )
