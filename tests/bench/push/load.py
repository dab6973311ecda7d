"""Clusters that push at a steady rate, and go on with the other receiver when one does not answer."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from receiver import testing
from receiver.testing import Issuer
from tenantry_common import protowire

_ANSWER_SECONDS = 20.0
_AGAIN_SECONDS = 0.2
_PLACEHOLDER = 1 << 40  # milliseconds; six bytes, as those of our time
SERIES = 232


class Cluster:
    """One cluster, whose uploads differ in their timestamps only."""

    def __init__(self, name: str, token: str, series: int = SERIES) -> None:
        self.name = name
        self.headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": testing.PROTOBUF,
            "Content-Encoding": "snappy",
        }
        self.turn = asyncio.Lock()
        """A cluster sends an upload when it has the answer to the one before."""
        self._last = 0
        self._template = b"".join(
            testing.family(
                f"cluster:metric_{number}:sum",
                [(self._labels(part), number + part / 3, _PLACEHOLDER) for part in parts],
            )
            for number, parts in itertools.groupby(range(series), lambda n: n // 4)
        )

    def _labels(self, part: int) -> dict[str, str]:
        return {
            "_id": self.name,
            "code": str(part),
            "endpoint": "https",
            "namespace": "openshift-monitoring",
            "prometheus": "openshift-monitoring/k8s",
            "service": "prometheus",
        }

    def upload(self) -> tuple[int, bytes]:
        """Return the time of the next upload, never the same twice, and its body."""
        self._last = max(testing.now_ms(), self._last + 1)
        body = self._template.replace(
            b"\x30" + protowire.varint(_PLACEHOLDER), b"\x30" + protowire.varint(self._last)
        )
        return self._last, testing.frames(body)


@dataclass
class Said:
    """What receivers answered."""

    accepted: set[tuple[str, int]] = field(default_factory=set)
    """Cluster and time of each upload that was answered 200."""
    failures: list[str] = field(default_factory=list)
    """Answers that were none, and refusals; each was tried again."""
    seconds: list[float] = field(default_factory=list)
    """How long answers with 200 took."""


def clusters(count: int, issuer: Issuer, series: int = SERIES) -> list[Cluster]:
    """Return clusters with ids such as OpenShift gives them."""
    names = (f"0f8fad5b-d9cb-469f-a165-70867{number:07d}" for number in range(count))
    return [Cluster(name, issuer.token(name, seconds=86_400), series) for name in names]


async def push(
    urls: Sequence[str], pushing: Sequence[Cluster], rate: float, seconds: float
) -> Said:
    """Push `rate` uploads per second for so long, and until the last one is accepted."""
    said = Said()
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
        asyncio.TaskGroup() as group,
    ):
        began = time.monotonic()
        turns = itertools.cycle(pushing)
        for number in itertools.count():
            due = began + number / rate
            if due - began >= seconds:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            order = [urls[(number + n) % len(urls)] for n in range(len(urls))]
            group.create_task(_one(session, order, next(turns), said))
    return said


async def _one(
    session: aiohttp.ClientSession, urls: Sequence[str], cluster: Cluster, said: Said
) -> None:
    async with cluster.turn:
        await _insist(session, urls, cluster, said)


async def _insist(
    session: aiohttp.ClientSession, urls: Sequence[str], cluster: Cluster, said: Said
) -> None:
    stamp, body = cluster.upload()
    for url in itertools.cycle(urls):
        began = time.monotonic()
        try:
            async with session.post(f"{url}/upload", data=body, headers=cluster.headers) as answer:
                text = await answer.text()
                if answer.status == 200:
                    said.accepted.add((cluster.name, stamp))
                    said.seconds.append(time.monotonic() - began)
                    return
                said.failures.append(f"{answer.status} {text.strip()}")
        except (aiohttp.ClientError, TimeoutError) as error:
            said.failures.append(type(error).__name__)
        await asyncio.sleep(_AGAIN_SECONDS)
