"""One replica answers a window alone; another one only when it fails, and from then on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from collector.assign import order
from collector.batch import Limits
from collector.metrics import Metrics
from collector.pull import Failed, Puller, TooLarge
from collector.replicas import Encoded, Replicas, Work
from collector.schedule import Window
from collector.testing import SHARD, backend, job, sample
from tenantry_common import protowire, remote_write, snappy_block
from tenantry_common.contracts import DeliveryJob, LabelSteps, Matcher, RelabelRule, SecretRef
from tenantry_common.credentials import Folder

AT = 1_700_000_000_000
WINDOW = Window(AT, AT + 30_000)


class Source:
    """A replica that answers one series named after it, or whatever else it is told to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked = 0
        series = remote_write.time_series(
            remote_write.encode_labels({"__name__": name}), sample(AT + 1, 1)
        )
        self.answer = protowire.delimited(1, series)
        self.status = 200

    async def read(self, _: web.Request) -> web.Response:
        self.asked += 1
        body = snappy_block.compress(self.answer)
        return web.Response(body=body, status=self.status, headers={"Content-Encoding": "snappy"})


class Set:
    """An HA set of two replicas, the one that is asked first in front."""

    def __init__(self, first: Source, second: Source, replicas: Replicas, work: Work) -> None:
        self.first, self.second = first, second
        self.replicas = replicas
        self.work = work

    async def answered_by(self) -> str:
        """Collect a window and return which replica's series it holds."""
        outcome = await self.replicas.collect(self.work, WINDOW)
        assert isinstance(outcome, Encoded)
        [batch] = outcome.encoding.batches
        body = snappy_block.decompress(batch.block, limit=1000)
        [span] = remote_write.series(body)
        return remote_write.series_labels(body, span)["__name__"]


@asynccontextmanager
async def ha_set(
    max_bytes: int = 1000, limits: Limits | None = None, secrets: Folder | None = None
) -> AsyncIterator[Set]:
    sources = {name: Source(name) for name in ("a", "b")}
    apps = {name: web.Application() for name in sources}
    for name, app in apps.items():
        app.router.add_post("/api/v1/read", sources[name].read)
    async with (
        TestServer(apps["a"]) as a,
        TestServer(apps["b"]) as b,
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        replicas = Replicas(
            SHARD,
            Puller(session, timeout=5, max_bytes=max_bytes, per_source=2),
            limits or Limits(series=10, size=1000),
            Metrics(CollectorRegistry()),
            cached_series=10,
            secrets=secrets,
        )
        backends = tuple(backend(str(s.make_url("")), n) for n, s in (("a", a), ("b", b)))
        first, second = (sources[one.id] for one in order(backends, SHARD, ""))
        yield Set(first, second, replicas, Work(job=job(), ha_set=backends))


async def test_the_same_replica_answers_while_it_can() -> None:
    async with ha_set() as pair:
        answered = [await pair.answered_by() for _ in range(3)]

    assert answered == [pair.first.name] * 3
    assert pair.second.asked == 0


async def test_another_one_takes_over_and_stays() -> None:
    async with ha_set() as pair:
        await pair.answered_by()
        pair.first.status = 503
        during = await pair.answered_by()
        pair.first.status = 200
        after = await pair.answered_by()

    assert during == after == pair.second.name
    assert pair.first.asked == 2


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"\x0a\x09\x0a", id="cut off"),
        pytest.param(
            protowire.delimited(1, b"\x0a\x0b\x0a\x06\x0a\x01a\x12\x01b\x12\x99\x99"),
            id="no sample",
        ),
    ],
)
async def test_replica_with_a_broken_answer_counts_as_failed(answer: bytes) -> None:
    async with ha_set() as pair:
        pair.first.answer = answer

        assert await pair.answered_by() == pair.second.name


async def test_all_failures_are_told() -> None:
    async with ha_set() as pair:
        pair.first.status = pair.second.status = 500
        outcome = await pair.replicas.collect(pair.work, WINDOW)

    assert isinstance(outcome, Failed)
    assert [part[:12] for part in sorted(outcome.reason.split("; "))] == [
        "a: HTTP 500:",
        "b: HTTP 500:",
    ]


async def test_too_large_an_answer_is_not_asked_of_another_replica() -> None:
    async with ha_set(max_bytes=10) as pair:
        outcome = await pair.replicas.collect(pair.work, WINDOW)

    assert outcome == TooLarge("answer of more than 10 bytes", 37)
    assert pair.second.asked == 0


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(Limits(series=10, size=20), id="before compression"),
        pytest.param(Limits(series=10, size=1000, block=20), id="after it"),
    ],
)
async def test_series_larger_than_a_batch_is_too_large_an_answer(limits: Limits) -> None:
    async with ha_set(limits=limits) as pair:
        assert isinstance(await pair.replicas.collect(pair.work, WINDOW), TooLarge)


async def test_no_rules_ask_nobody() -> None:
    async with ha_set() as pair:
        outcome = await pair.replicas.collect(Work(job=job([]), ha_set=pair.work.ha_set), WINDOW)

    assert isinstance(outcome, Encoded)
    assert outcome.encoding.batches == []
    assert pair.first.asked == pair.second.asked == 0


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(job([(Matcher("x", "=~", "("),)]), id="rules"),
        pytest.param(job(relabelings=(RelabelRule(action="nonsense"),)), id="relabelings"),
    ],
)
async def test_broken_job_asks_nobody_and_says_why(broken: DeliveryJob) -> None:
    async with ha_set() as pair:
        work = Work(job=broken, ha_set=pair.work.ha_set)
        outcome = await pair.replicas.collect(work, WINDOW)

    assert isinstance(outcome, Failed)
    assert "a: the job's rules or relabelings are broken: " in outcome.reason
    assert pair.first.asked == pair.second.asked == 0


async def test_changed_job_is_applied_to_series_that_were_known() -> None:
    async with ha_set() as pair:
        await pair.answered_by()
        rename = RelabelRule(target_label="__name__", replacement="renamed")
        pair.work = Work(job=job(digest="2", relabelings=(rename,)), ha_set=pair.work.ha_set)

        assert await pair.answered_by() == "renamed"


async def test_published_series_are_left_out() -> None:
    async with ha_set() as pair:
        published = frozenset({remote_write.encode_labels({"__name__": pair.first.name})})
        outcome = await pair.replicas.collect(pair.work, WINDOW, published)

    assert isinstance(outcome, Encoded)
    assert outcome.encoding.batches == []


async def test_a_missing_salt_publishes_nothing_and_says_so(tmp_path: Path) -> None:
    steps = LabelSteps(anonymise=("n",), salt=SecretRef(name="edge", key="salt"))
    file = tmp_path / SHARD.job.tenant / "edge" / "salt"
    async with ha_set(secrets=Folder(str(tmp_path))) as pair:
        work = Work(job=job(steps=steps), ha_set=pair.work.ha_set)
        without = await pair.replicas.collect(work, WINDOW)
        file.parent.mkdir(parents=True)
        file.write_text("a-unique-value\n")
        with_salt = await pair.replicas.collect(work, WINDOW)

    assert isinstance(without, Failed)
    assert "no salt to anonymise labels with: secret shop/edge, key salt: No such file" in (
        without.reason
    )
    assert isinstance(with_salt, Encoded)
