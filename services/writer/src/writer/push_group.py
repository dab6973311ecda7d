"""Keep one group at a Pushgateway: all that a job holds, replaced as a whole with every batch.

The lanes of a job's shards share the group, so all of them run in one instance (`assign`). A batch
is settled once the Pushgateway has taken a state that includes it. What the state is follows from
the stream (`push_history`): a writer that begins reads the last minutes back and pushes them with
its first batch; what it has read ahead by then is settled without another request. Two writers that
both take themselves for the owner push states of the same batches; the next window corrects the one
that came too late.

A piece of a batch is pushed like a batch, on top of what was taken before: so a series that the
Pushgateway refuses is found as at any endpoint.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from tenantry_common import batches, bus, errors, kv, snappy_block, subjects
from tenantry_common.contracts import Endpoint, PushGroup, encode
from tenantry_common.subjects import JobRef
from writer import deliver, exposition, isolate, outcome, push_history

_FAR_BEHIND = 8  # batches that wait, from which on reading ahead is cheaper than pushing each

type Put = Callable[[bytes], Awaitable[outcome.Outcome]]
"""Replaces the group by a text."""


class Group:
    """What one job holds at one Pushgateway."""

    def __init__(
        self,
        connection: bus.Bus,
        job: JobRef,
        endpoint: Endpoint,
        put: Put,
        *,
        interval_ms: int = 0,
    ) -> None:
        self._bus = connection
        self._job = job
        self._endpoint = endpoint
        self._put = put
        self.horizon_ms = max(exposition.HORIZON_MS, 3 * interval_ms)
        self._latest: exposition.Latest = {}
        self._pushing = asyncio.Lock()
        self.covered: dict[str, int] = {}
        """Sequence up to which the pushed state includes the batches, by subject."""
        self.restored = False

    async def post(self, block: bytes) -> outcome.Outcome:
        """Push the state with the samples of `block`; keep them in it only if they are taken."""
        async with self._pushing:
            try:
                request = snappy_block.decompress(block, limit=push_history.MAX_DECODED_BYTES)
                latest = exposition.fold(self._latest, request, self.horizon_ms)
            except errors.Undecodable as error:
                return outcome.Split(f"unreadable batch: {error}", "invalid")
            result = await self._put(exposition.text(latest))
            if isinstance(result, outcome.Delivered):
                self._latest = latest
            return result

    @property
    def all_batches(self) -> str:
        """Pattern of the subjects of the job's batches."""
        return subjects.samples_of_job(self._job)

    async def read_back(self, pattern: str) -> push_history.Recent:
        """Return what the stream holds of these subjects of the job.

        Notes first that there is a group to delete. Raises `errors.BusUnavailable`.
        """
        noted = PushGroup(tenant=self._job.tenant, job=self._job.name, endpoint=self._endpoint)
        key = subjects.push_key(self._job, self._endpoint.id)
        await kv.put(self._bus, subjects.PUSHES, key, encode(noted))
        return await push_history.recent(self._bus, pattern, self.horizon_ms)


class GroupLoading:
    """What a lane of one shard does before and after it delivers a batch to the group."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self._read_to: Mapping[str, int] = {}
        self._fresh = True

    async def load(self, delivery: batches.Delivery) -> deliver.Load:
        """Return what to push for this batch; nothing when the state includes it already.

        Raises `errors.BusUnavailable`.
        """
        self._read_to = {delivery.subject: delivery.sequence}
        try:
            own = snappy_block.decompress(delivery.data, limit=push_history.MAX_DECODED_BYTES)
            request, unfit = exposition.fit(own)
        except errors.Undecodable:
            return deliver.Load(block=delivery.data)  # `Group.post` refuses it
        refused = tuple(_refused(one) for one in unfit)
        if not self._fresh and delivery.sequence <= self.group.covered.get(delivery.subject, 0):
            return deliver.Load(block=None, refused=refused)
        if not self.group.restored:
            recent = await self.group.read_back(self.group.all_batches)
        elif self._fresh or delivery.pending >= _FAR_BEHIND:  # others pushed what we did not see
            recent = await self.group.read_back(delivery.subject)
        else:
            recent = push_history.Recent(latest={}, read_to={})
        if recent.latest:
            latest = exposition.fold(recent.latest, request, self.group.horizon_ms)
            request = exposition.request(latest)
            self._read_to = {**self._read_to, **recent.read_to}
        return deliver.Load(block=snappy_block.compress(request), refused=refused)

    def settled(self) -> None:
        """Note that the batch that was loaded last is in the pushed state."""
        self.group.restored = True
        self._fresh = False
        for subject, sequence in self._read_to.items():
            self.group.covered[subject] = max(sequence, self.group.covered.get(subject, 0))


def _refused(unfit: exposition.Unfit) -> isolate.Refused:
    return isolate.Refused(
        request=unfit.request, reason=unfit.reason, cause="invalid", verdict="rejected"
    )
