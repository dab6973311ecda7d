"""The endpoints that clusters push to: from a request to an answer, step by step in a fixed order."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from weakref import WeakValueDictionary

import msgspec
from aiohttp import web

from receiver import admit, bodies, formats, messages, refusal, verdicts
from receiver.admit import Admitted
from receiver.bodies import Bounds
from receiver.config import Config
from receiver.formats import Format
from receiver.identity import presented
from receiver.identity.modes import Identity
from receiver.identity.source import Source, cluster_id
from receiver.metrics import Metrics
from receiver.policies import Policies, Policy
from receiver.slots import Slots
from receiver.stamps import Stamps
from receiver.store import Store
from receiver.verdicts import Court, Memory
from tenantry_common import errors, logs, subjects

_log = logging.getLogger(__name__)

REJECTED_HEADER = "X-Tenantry-Rejected"
_FORM_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Push:
    """A push that was authenticated, read and decoded."""

    source: Source
    policy: Policy
    body: bytes
    format: Format
    now_ms: int


class Endpoints:
    """`/authorize`, `/upload`, `/metrics/v1/receive` and `/api/v1/write`."""

    def __init__(
        self,
        *,
        settings: Config,
        identity: Identity,
        policies: Policies,
        store: Store,
        slots: Slots,
        metrics: Metrics,
        now: Callable[[], float] = time.time,
    ) -> None:
        limits = settings.limits
        self._identity = identity
        self._policies = policies
        self._store = store
        self._slots = slots
        self._metrics = metrics
        self._now = now
        self._limits = limits
        self._uploads = Bounds(
            size=limits.upload_bytes,
            decoded=limits.upload_decoded_bytes,
            seconds=limits.body_seconds,
        )
        self._writes = Bounds(
            size=limits.write_bytes,
            decoded=limits.write_decoded_bytes,
            seconds=limits.body_seconds,
        )
        self.memory = Memory(limits.remembered_series)
        self.pushes = 0
        """Pushes that are worked on."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._throttle = logs.Throttle(30)

    def install(self, app: web.Application, base: str) -> None:
        """Add the endpoints to `app`, below `base`."""
        app.router.add_post(f"{base}/authorize", self.authorize, name="authorize")
        app.router.add_post(f"{base}/upload", self.upload, name="upload")
        app.router.add_post(f"{base}/metrics/v1/receive", self.write, name="receive")
        app.router.add_post(f"{base}/api/v1/write", self.write, name="write")

    async def authorize(self, request: web.Request) -> web.Response:
        """Exchange a long-lived credential for a token, as telemeter's clients ask for it."""
        bounds = Bounds(size=_FORM_BYTES, decoded=_FORM_BYTES, seconds=self._limits.body_seconds)
        given = request.query.getall("id", [])
        if not given:
            form = await bodies.read(request, bodies.Plain(_FORM_BYTES), bounds)
            given = bodies.form(form).get("id", [])
        if len(given) != 1:
            raise refusal.malformed("give the cluster's id once, as parameter `id`")
        cluster = cluster_id(given[0])
        source = await self._identity.enrol(presented.of(request), cluster)
        policy = self._policy(source)
        token = self._identity.token(source)
        labels = {**policy.push.labels, policy.push.id_label: cluster}
        answer = {
            "version": 1,
            "token": token,
            "expiresInSeconds": self._identity.lifetime_seconds,
            "labels": labels,
        }
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    async def upload(self, request: web.Request) -> web.Response:
        """Take an upload: all that a cluster has to say, at most once per interval."""
        source = await self._identity.identify(presented.of(request))
        policy = self._policy(source)
        subject = subjects.latest(source.job, source.cluster)
        self._slots.glance(subject)
        format = formats.upload(_one(request, "Content-Type"), _one(request, "Content-Encoding"))
        with self._work():
            push = await self._read(request, source, policy, format, self._uploads)
            admitted = self._admit(push)
            if admitted.series:
                async with self._locks.setdefault(subject, asyncio.Lock()):
                    await self._store_upload(push, admitted, subject)
            return await self._answer(push, admitted)

    async def write(self, request: web.Request) -> web.Response:
        """Take a remote write: some samples, as often as there are any."""
        source = await self._identity.identify(presented.of(request))
        policy = self._policy(source)
        format = formats.written(_one(request, "Content-Type"), _one(request, "Content-Encoding"))
        with self._work():
            push = await self._read(request, source, policy, format, self._writes)
            admitted = self._admit(push)
            if admitted.series:
                await self._store_write(push, admitted)
            return await self._answer(push, admitted)

    def _policy(self, source: Source) -> Policy:
        if not self._policies.ready:
            raise refusal.unavailable("the jobs are not known yet")
        policy = self._policies.known.get(source.job)
        if policy is None:
            if source.job in self._policies.broken:
                raise refusal.unavailable("the job cannot take pushes now", 60)
            raise refusal.foreign("there is no such job that takes pushes")
        if not policy.permits(source.cluster):
            raise refusal.foreign("the cluster is none of the job's sources")
        return policy

    @contextlib.contextmanager
    def _work(self) -> Iterator[None]:
        """Count a push that is read and worked on."""
        if self.pushes >= self._limits.pushes:
            raise refusal.unavailable("too many pushes at the same time", 1)
        self.pushes += 1
        try:
            yield
        finally:
            self.pushes -= 1

    async def _read(
        self, request: web.Request, source: Source, policy: Policy, format: Format, bounds: Bounds
    ) -> Push:
        body = await bodies.read(request, format.collect(bounds), bounds)
        self._metrics.bytes.labels("write" if format.version else "upload").inc(len(body))
        return Push(
            source=source,
            policy=policy,
            body=body,
            format=format,
            now_ms=int(self._now() * 1000),
        )

    def _admit(self, push: Push) -> Admitted:
        policy = push.policy
        court = Court(policy.rulings, policy.version, self.memory, push.source.cluster)
        try:
            groups, types = push.format.decode(push.body)
            admitted = admit.admit(
                groups, court, Stamps(policy.push, push.now_ms), strict=policy.push.strict
            )
        except verdicts.Foreign as error:
            raise refusal.foreign("a series names another cluster than the token") from error
        except admit.UnreadableLabels as error:
            raise refusal.malformed(f"{error.where(push.body)}: {error}") from error
        except errors.Undecodable as error:
            raise refusal.malformed(str(error)) from error
        admitted.take_types(types)
        return admitted

    async def _store_upload(self, push: Push, admitted: Admitted, subject: str) -> None:
        job, cluster, policy = push.source.job, push.source.cluster, push.policy.push
        name = _digest(push)
        every = messages.pieces(admitted)
        latest = messages.newest(admitted, every) if policy.federate else []
        slot = messages.whole(latest, admitted.types, job, cluster, name)
        self._store.check(slot)
        after: int | None = 0
        if policy.interval_ms:
            message_id = slot.headers[subjects.HEADER_MSG_ID]
            after = await self._slots.look(subject, policy.interval_ms, message_id)
        await self._store.samples(_batches(push, admitted, every, name))
        # Last, because it takes the slot: until here the push can fail and be sent again.
        if policy.interval_ms and after is not None:
            await self._slots.take(slot, policy.interval_ms, after)
        elif not policy.interval_ms and policy.federate:
            await self._store.all([slot])

    async def _store_write(self, push: Push, admitted: Admitted) -> None:
        job, cluster = push.source.job, push.source.cluster
        name = _digest(push)
        every = messages.pieces(admitted)
        deltas: list[messages.Message] = []
        if push.policy.push.federate:
            latest = messages.newest(admitted, every)
            deltas = messages.deltas(latest, admitted.types, job, cluster, name)
        await self._store.samples(_batches(push, admitted, every, name), deltas)

    async def _answer(self, push: Push, admitted: Admitted) -> web.Response:
        job = push.source.job
        headers = await self._tell_rejected(push, admitted)
        self._metrics.samples.labels(*job).inc(admitted.samples)
        if admitted.left_out:
            self._metrics.left_out.labels(*job).inc(admitted.left_out)
        if push.format.version == "2.0":
            headers["X-Prometheus-Remote-Write-Samples-Written"] = str(
                admitted.samples - admitted.natives
            )
            headers["X-Prometheus-Remote-Write-Histograms-Written"] = str(admitted.natives)
            headers["X-Prometheus-Remote-Write-Exemplars-Written"] = "0"
        return web.Response(status=200, headers=headers)

    async def _tell_rejected(self, push: Push, admitted: Admitted) -> dict[str, str]:
        if not admitted.rejected:
            return {}
        job = push.source.job
        for reason, count in admitted.rejected.items():
            self._metrics.rejected.labels(*job, str(reason)).inc(count)
        try:
            await self._store.all(messages.rejects(admitted, job, push.source.cluster))
        except refusal.Refused as error:
            # The push itself is stored: that its rejects are not kept must not have it sent again.
            if self._throttle.allow("rejects"):
                _log.warning("rejected series are not kept", extra={"error": error.text})
        counts = (f"{reason}={count}" for reason, count in sorted(admitted.rejected.items()))
        return {REJECTED_HEADER: ", ".join(counts)}


def _digest(push: Push) -> str:
    policy = push.policy.push
    # A body without times is another push when it comes at another time.
    moment = push.now_ms if policy.timestamps == "overwrite" else 0
    return messages.digest(push.source.job, push.source.cluster, push.body, moment)


def _batches(
    push: Push, admitted: Admitted, every: list[messages.Piece], name: str
) -> list[messages.Message]:
    source = push.source
    return messages.samples(
        every, admitted.window, source.job, source.cluster, name, push.policy.digest
    )


def _one(request: web.Request, header: str) -> str | None:
    """Return the only value of a header, None for none. Raises `refusal.Refused` for several."""
    values = request.headers.getall(header, [])
    if len(values) > 1:
        raise refusal.unsupported(f"{header} stands there twice")
    return values[0] if values else None
