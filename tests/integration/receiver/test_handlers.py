"""The table of what receivers answer, row by row: what is sent, the status, and what is stored then."""

import base64
import itertools
import json
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
import snappy
from tests.integration.receiver.conftest import Site, a_site

from receiver import testing
from receiver.testing import family, frames
from tenantry_common import batches, pushed, remote_write, snappy_block, subjects
from tenantry_common.contracts import LabelSteps, Matcher, PushPolicy
from tenantry_common.proto import metrics_pb2, remote_pb2, remote_v2_pb2
from tenantry_common.subjects import JobRef
from tenantry_local.server import Launch

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "text/plain; version=0.0.4"
WRITE = "application/x-protobuf"
NAMED_UP = ((Matcher("__name__", "=", "up"),),)
HOUR = 3_600_000
_numbers = itertools.count()

JOBS = {
    "any": testing.job(),
    "up-only": testing.job(rules=NAMED_UP),
    "nothing": testing.job(rules=()),
    "strict": testing.job(PushPolicy(sources=("*",), interval_ms=0, strict=True)),
    "slow": testing.job(PushPolicy(sources=("*",), interval_ms=270_000)),
    "required": testing.job(PushPolicy(sources=("*",), interval_ms=0, required=("job",))),
    "overwrite": testing.job(PushPolicy(sources=("*",), interval_ms=0, timestamps="overwrite")),
    "clamp": testing.job(PushPolicy(sources=("*",), interval_ms=0, timestamps="clamp-future")),
    "named": testing.job(PushPolicy(sources=("known",), interval_ms=0)),
    "labelled": testing.job(
        PushPolicy(sources=("*",), interval_ms=0, labels={"fleet": "eu"}),
        steps=LabelSteps(elide=("pod",), rename={"up": "alive"}),
    ),
    "unserved": testing.job(PushPolicy(sources=("*",), interval_ms=0, federate=False)),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(
    tmp_path_factory: pytest.TempPathFactory, launch_server: Launch
) -> AsyncIterator[Site]:
    """One receiver that all cases share; each pushes as a cluster of its own."""
    async with a_site(tmp_path_factory.mktemp("acceptance"), launch_server) as made:
        await made.start()
        for name, job in JOBS.items():
            await made.publish(testing.of(job, JobRef("team-a", name)))
        yield made


@dataclass(kw_only=True)
class Sent:
    """What one case sends."""

    body: bytes
    job: str = "any"
    path: str = "/upload"
    headers: dict[str, str | None] = field(default_factory=dict)
    bearer: str | None = None
    """Instead of a good one."""


type Make = Callable[[str, int], Sent]
"""From the cluster's id and the time."""


def up(cluster: str, now: int, value: float = 1.0, **labels: str) -> bytes:
    return family("up", [({"_id": cluster, **labels}, value, now)])


def upload(body: bytes, **more: Any) -> Sent:
    headers = {
        "Content-Type": testing.PROTOBUF,
        "Content-Encoding": "snappy",
        **more.pop("headers", {}),
    }
    return Sent(body=frames(body), headers=headers, **more)


def plain(body: bytes, content_type: str | None = testing.PROTOBUF, **more: Any) -> Sent:
    headers: dict[str, str | None] = {"Content-Type": content_type, **more.pop("headers", {})}
    return Sent(body=body, headers=headers, **more)


def written(*series: Mapping[str, str], now: int, path: str = "/api/v1/write", **more: Any) -> Sent:
    request = remote_pb2.WriteRequest()
    for labels in series:
        one = request.timeseries.add()
        for name in sorted(labels):
            one.labels.add(name=name, value=labels[name])
        one.samples.add(value=1.0, timestamp=now)
    headers = {"Content-Type": WRITE, "Content-Encoding": "snappy"}
    body = snappy_block.compress(request.SerializeToString())
    return Sent(body=body, path=path, headers={**headers, **more.pop("headers", {})}, **more)


async def send(site: Site, cluster: str, sent: Sent) -> tuple[int, Mapping[str, str], str]:
    ref = JobRef("team-a", sent.job)
    token = sent.bearer if sent.bearer is not None else site.issuer.token(cluster, ref)
    if token == "expired":  # noqa: S105 - a word
        token = site.issuer.token(cluster, ref, seconds=-3600)
    headers = {
        **({"Authorization": f"Bearer {token}"} if token else {}),
        **{name: value for name, value in sent.headers.items() if value is not None},
    }
    skip = [name for name, value in sent.headers.items() if value is None]
    async with site.session.post(
        site.urls[0] + sent.path, data=sent.body, headers=headers, skip_auto_headers=skip
    ) as answer:
        return answer.status, answer.headers, await answer.text()


async def stored(site: Site, job: str, cluster: str) -> list[tuple[dict[str, str], float, int]]:
    """Return what this cluster has on stream SAMPLES, by the last message of its shard."""
    ref = JobRef("team-a", job)
    subject = subjects.samples(subjects.ShardRef(ref, subjects.push_shard(cluster)))
    message = await batches.last(site.bus, subjects.SAMPLES, subject)
    if message is None or message.headers[subjects.HEADER_SOURCE] != subjects.source_token(cluster):
        return []
    request = remote_pb2.WriteRequest.FromString(
        snappy_block.decompress(message.data, limit=1 << 24)
    )
    return [
        ({one.name: one.value for one in series.labels}, sample.value, sample.timestamp)
        for series in request.timeseries
        for sample in series.samples
    ]


def fresh() -> str:
    return f"cluster-{next(_numbers)}"


@pytest.mark.parametrize(
    ("make", "status", "rejected"),
    [
        pytest.param(lambda c, n: upload(up(c, n)), 200, None, id="an upload"),
        pytest.param(lambda c, n: plain(up(c, n)), 200, None, id="not compressed"),
        pytest.param(
            lambda c, n: plain(f'up{{_id="{c}"}} 1 {n}\n'.encode(), TEXT), 200, None, id="text"
        ),
        pytest.param(
            lambda c, n: written({"__name__": "up", "_id": c}, now=n), 200, None, id="remote write"
        ),
        pytest.param(
            lambda c, n: written({"__name__": "up", "_id": c}, now=n, path="/metrics/v1/receive"),
            200,
            None,
            id="remote write, telemeter's path",
        ),
        pytest.param(
            lambda c, n: upload(family("up", [({}, 1.0, n)])), 200, None, id="id is injected"
        ),
        pytest.param(
            lambda c, n: upload(up(c, n, job="x"), job="required"),
            200,
            None,
            id="a required label is there",
        ),
        pytest.param(
            lambda c, n: upload(up(c, n) + up(c, n - 25 * HOUR, job="old")),
            200,
            "too-old=1",
            id="an old sample beside a good one",
        ),
        pytest.param(
            lambda c, n: upload(
                family("up", [({"_id": c}, 1.0, n), ({"_id": c, "j": "2"}, 1.0, n - 1)])
            ),
            200,
            "decreasing=1",
            id="decreasing inside a family",
        ),
        pytest.param(
            lambda c, n: upload(
                family("up", [({"_id": c}, 1.0, n), ({"_id": c, "j": "2"}, 1.0, None)])
            ),
            200,
            "no-timestamp=1",
            id="no timestamp",
        ),
        pytest.param(
            lambda c, n: upload(up(c, n) + up(c, n, long="x" * 256)),
            200,
            "too-long=1",
            id="a long value",
        ),
        pytest.param(
            lambda c, n: upload(up(c, n) + family("up", [({"_id": c, "x" * 256: "long"}, 1.0, n)])),
            200,
            "too-long=1",
            id="a long name",
        ),
        pytest.param(
            lambda c, n: upload(up(c, n) + family("u" * 256, [({"_id": c}, 1.0, n)])),
            200,
            "too-long=1",
            id="a long name of a metric",
        ),
        pytest.param(lambda c, n: upload(up(c, n) + up(c, n, 2.0)), 200, "duplicate=1", id="twice"),
        pytest.param(
            lambda c, n: upload(up(c, n) + family("other", [({"_id": c}, 1.0, n)]), job="up-only"),
            200,
            None,
            id="left out by the allow-list",
        ),
    ],
)
async def test_what_is_accepted_is_stored(
    site: Site, make: Make, status: int, rejected: str | None
) -> None:
    cluster, now = fresh(), testing.now_ms()
    sent = make(cluster, now)

    answered, headers, text = await send(site, cluster, sent)

    assert (answered, headers.get("X-Tenantry-Rejected")) == (status, rejected), text
    found = await stored(site, sent.job, cluster)
    assert [(labels["__name__"], labels["_id"]) for labels, _, _ in found] == [("up", cluster)]
    assert [(value, stamp) for _, value, stamp in found] == [(1.0, now)]


@pytest.mark.parametrize(
    ("make", "status"),
    [
        # Who is it?
        pytest.param(lambda c, n: upload(up(c, n), bearer=""), 401, id="no token"),
        pytest.param(lambda c, n: upload(up(c, n), bearer="x"), 401, id="malformed token"),
        pytest.param(lambda c, n: upload(up(c, n), bearer="a.b.c"), 401, id="malformed JWT"),
        pytest.param(
            lambda c, n: upload(up(c, n), bearer=testing.Issuer().token(c)), 401, id="forged"
        ),
        pytest.param(lambda c, n: upload(up(c, n), bearer="expired"), 401, id="expired"),
        pytest.param(lambda c, n: written(now=n, bearer=""), 401, id="write without token"),
        pytest.param(
            lambda c, n: Sent(body=b"", path="/authorize?id=x", bearer=""), 401, id="no credential"
        ),
        # May it?
        pytest.param(lambda c, n: upload(up("another", n)), 403, id="another's id"),
        pytest.param(
            lambda c, n: upload(up(c, n) + family("up", [({"_id": "another"}, 1.0, n)])),
            403,
            id="another's id in one of two series",
        ),
        pytest.param(
            lambda c, n: upload(family("up", [({"a": "b", "_id": "another"}, 1.0, n)])),
            403,
            id="another's id behind other labels",
        ),
        pytest.param(
            lambda c, n: written({"__name__": "up", "_id": "another"}, now=n),
            403,
            id="another's id in a remote write",
        ),
        pytest.param(
            lambda c, n: written(
                {"__name__": "up", "_id": "another"}, now=n, path="/metrics/v1/receive"
            ),
            403,
            id="another's id on telemeter's path",
        ),
        pytest.param(lambda c, n: upload(up(c, n), job="named"), 403, id="no source of the job"),
        pytest.param(lambda c, n: upload(up(c, n), job="absent"), 403, id="no such job"),
        # What is it?
        pytest.param(lambda c, n: plain(up(c, n), None), 415, id="no Content-Type"),
        pytest.param(lambda c, n: plain(up(c, n), ""), 415, id="empty Content-Type"),
        pytest.param(lambda c, n: plain(up(c, n), "x"), 415, id="no media type"),
        pytest.param(lambda c, n: plain(up(c, n), "application/json"), 415, id="JSON"),
        pytest.param(
            lambda c, n: plain(up(c, n), "application/vnd.google.protobuf"),
            415,
            id="protobuf that does not say how it is delimited",
        ),
        pytest.param(
            lambda c, n: plain(up(c, n), "text/plain; version=0.0.5"), 415, id="another text"
        ),
        pytest.param(
            lambda c, n: plain(up(c, n), headers={"Content-Encoding": "gzip"}), 415, id="gzip"
        ),
        pytest.param(
            lambda c, n: written(now=n, headers={"Content-Encoding": None}), 415, id="plain write"
        ),
        pytest.param(
            lambda c, n: written(now=n, headers={"Content-Type": None}), 415, id="untyped write"
        ),
        pytest.param(
            lambda c, n: written(now=n, headers={"Content-Type": WRITE + "; proto=x.Y"}),
            415,
            id="a write of unknown messages",
        ),
        # Can it be read?
        pytest.param(lambda c, n: plain(up(c, n)[:-3]), 400, id="cut off"),
        pytest.param(lambda c, n: plain(b"\xff" * 20), 400, id="no protobuf"),
        pytest.param(lambda c, n: plain(b"up{ 1\n", TEXT), 400, id="no text"),
        pytest.param(
            lambda c, n: plain(up(c, n), headers={"Content-Encoding": "snappy"}),
            400,
            id="not compressed as it says",
        ),
        pytest.param(
            lambda c, n: Sent(
                body=snappy_block.compress(up(c, n)),
                headers={"Content-Type": testing.PROTOBUF, "Content-Encoding": "snappy"},
            ),
            400,
            id="a snappy block as an upload",
        ),
        pytest.param(
            lambda c, n: Sent(
                body=frames(up(c, n))[:-1],
                headers={"Content-Type": testing.PROTOBUF, "Content-Encoding": "snappy"},
            ),
            400,
            id="frames cut off",
        ),
        pytest.param(
            lambda c, n: Sent(
                body=_broken(frames(up(c, n))),
                headers={"Content-Type": testing.PROTOBUF, "Content-Encoding": "snappy"},
            ),
            400,
            id="frames with a wrong checksum",
        ),
        pytest.param(
            lambda c, n: plain(
                family("up", [({"a": "\0\0"}, 1.0, n)]).replace(b"\0\0", b"\xff\xff")
            ),
            400,
            id="a label that is not UTF-8",
        ),
        pytest.param(
            lambda c, n: upload(up(c, n) + up(c, n - 25 * HOUR), job="strict"),
            400,
            id="a rejected series under a strict policy",
        ),
        pytest.param(
            lambda c, n: Sent(body=b"", path="/authorize", bearer="x"), 400, id="authorize whom?"
        ),
        # Is it too much?
        pytest.param(lambda c, n: plain(up(c, n) * 20_000), 413, id="too large"),
        pytest.param(lambda c, n: upload(up(c, n) * 20_000), 413, id="too large unpacked"),
        pytest.param(
            lambda c, n: Sent(
                body=snappy.compress(bytes(9 << 20)),
                path="/api/v1/write",
                headers={"Content-Type": WRITE, "Content-Encoding": "snappy"},
            ),
            413,
            id="a write that is too large unpacked",
        ),
        pytest.param(
            lambda c, n: Sent(
                body=b"\xff\xff\xff\xff\x0f" + bytes(100),
                path="/api/v1/write",
                headers={"Content-Type": WRITE, "Content-Encoding": "snappy"},
            ),
            413,
            id="a block that declares 4 GiB",
        ),
        # Is there anything left?
        pytest.param(lambda c, n: upload(b""), 200, id="nothing"),
        pytest.param(lambda c, n: plain(b""), 200, id="nothing at all"),
        pytest.param(lambda c, n: upload(up(c, n), job="nothing"), 200, id="empty allow-list"),
        pytest.param(
            lambda c, n: written({"__name__": "up"}, now=n, job="nothing"),
            200,
            id="empty allow-list, remote write",
        ),
        pytest.param(
            lambda c, n: written(
                {"__name__": "up"}, now=n, job="nothing", path="/metrics/v1/receive"
            ),
            200,
            id="empty allow-list, telemeter's path",
        ),
        pytest.param(
            lambda c, n: upload(family("down", [({}, 1.0, n)]), job="up-only"),
            200,
            id="all left out",
        ),
        pytest.param(
            lambda c, n: upload(up(c, n), job="required"), 200, id="a required label is missing"
        ),
    ],
)
async def test_what_is_not_accepted_is_not_stored(site: Site, make: Make, status: int) -> None:
    cluster = fresh()
    sent = make(cluster, testing.now_ms())

    answered, _, text = await send(site, cluster, sent)

    assert answered == status, text
    assert await stored(site, sent.job, cluster) == []


def _broken(stream: bytes) -> bytes:
    return stream[:14] + bytes((stream[14] ^ 1,)) + stream[15:]


async def test_an_undecodable_body_is_answered_with_its_position(site: Site) -> None:
    cluster, now = fresh(), testing.now_ms()
    good = up(cluster, now)

    _, _, cut = await send(site, cluster, plain(good + b"\x05abc"))
    broken = family("up", [({"a": "\0\0"}, 1.0, now)]).replace(b"\0\0", b"\xff\xff")
    _, _, label = await send(site, cluster, plain(good + broken))

    assert f"position {len(good)}:" in cut
    labels = pushed.label(b"a", b"\xff\xff")
    assert f"position {(good + broken).index(labels)}:" in label


async def test_a_cluster_that_pushes_too_often_is_told_when_to_come_again(site: Site) -> None:
    cluster, now = fresh(), testing.now_ms()

    first = await send(site, cluster, upload(up(cluster, now), job="slow"))
    second = await send(site, cluster, upload(up(cluster, now + 1), job="slow"))
    again = await send(site, cluster, upload(up(cluster, now), job="slow"))
    other = await send(site, "o" + cluster, upload(up("o" + cluster, now), job="slow"))
    write = await send(site, cluster, written({"__name__": "up"}, now=now, job="slow"))

    assert [first[0], second[0], other[0], write[0]] == [200, 429, 200, 200]
    assert again[0] in (200, 429), "the very same push is stored already"
    assert 200 < int(second[1]["Retry-After"]) <= 270


async def test_a_refused_push_does_not_use_up_the_slot(site: Site) -> None:
    cluster, now = fresh(), testing.now_ms()

    statuses = [
        (await send(site, cluster, sent))[0]
        for sent in (
            upload(up("another", now), job="slow"),
            plain(b"\xff\xff", job="slow"),
            upload(up(cluster, now - 25 * HOUR), job="slow"),
            upload(up(cluster, now), job="slow"),
        )
    ]

    assert statuses == [403, 400, 200, 200]


async def test_timestamps_follow_the_policy(site: Site) -> None:
    now = testing.now_ms()
    found = {}
    for job in ("any", "clamp", "overwrite"):
        cluster = fresh()
        body = family("up", [({"_id": cluster}, 1.0, now + HOUR)])
        assert (await send(site, cluster, upload(body, job=job)))[0] == 200
        ((_, _, found[job]),) = await stored(site, job, cluster)
    cluster = fresh()
    missing = family("up", [({"_id": cluster}, 1.0, None)])
    assert (await send(site, cluster, upload(missing, job="overwrite")))[0] == 200
    ((_, _, given),) = await stored(site, "overwrite", cluster)

    assert found["any"] == now + HOUR
    assert now <= found["clamp"] < now + 60_000
    assert now <= found["overwrite"] < now + 60_000
    assert now <= given < now + 60_000


async def test_labels_follow_the_policy_and_the_steps(site: Site) -> None:
    cluster, now = fresh(), testing.now_ms()

    await send(site, cluster, upload(up(cluster, now, pod="p", job="x"), job="labelled"))

    ((labels, _, _),) = await stored(site, "labelled", cluster)
    assert labels == {"__name__": "alive", "_id": cluster, "fleet": "eu", "job": "x"}


async def test_histograms_and_summaries_are_flattened_and_native_ones_passed_on(
    site: Site,
) -> None:
    cluster, now = fresh(), testing.now_ms()
    histogram = metrics_pb2.MetricFamily(name="h", type=metrics_pb2.HISTOGRAM)
    metric = histogram.metric.add(timestamp_ms=now)
    metric.histogram.sample_count = 5
    metric.histogram.sample_sum = 1.5
    metric.histogram.bucket.add(cumulative_count=2, upper_bound=0.5)
    summary = metrics_pb2.MetricFamily(name="s", type=metrics_pb2.SUMMARY)
    metric = summary.metric.add(timestamp_ms=now)
    metric.summary.sample_count = 3
    metric.summary.sample_sum = 2.5
    metric.summary.quantile.add(quantile=0.5, value=0.25)
    native = metrics_pb2.MetricFamily(name="n", type=metrics_pb2.HISTOGRAM)
    metric = native.metric.add(timestamp_ms=now)
    metric.histogram.sample_count = 2
    metric.histogram.schema = 3
    metric.histogram.positive_span.add(offset=0, length=1)
    metric.histogram.positive_delta.append(2)
    body = b"".join(
        testing.delimited(one.SerializeToString()) for one in (histogram, summary, native)
    )

    assert (await send(site, cluster, upload(body)))[0] == 200

    found = {
        (labels["__name__"], labels.get("le", labels.get("quantile", ""))): value
        for labels, value, _ in await stored(site, "any", cluster)
    }
    assert found == {
        ("h_bucket", "0.5"): 2.0,
        ("h_bucket", "+Inf"): 5.0,
        ("h_sum", ""): 1.5,
        ("h_count", ""): 5.0,
        ("s", "0.5"): 0.25,
        ("s_sum", ""): 2.5,
        ("s_count", ""): 3.0,
    }
    subject = subjects.latest(JobRef("team-a", "any"), cluster)
    message = await batches.last(site.bus, subjects.LATEST, subject)
    assert message is not None
    request = remote_pb2.WriteRequest.FromString(
        snappy_block.decompress(message.data, limit=1 << 24)
    )
    (one,) = [series.histograms[0] for series in request.timeseries if series.histograms]
    assert (one.count_int, one.schema, list(one.positive_deltas), one.timestamp) == (
        2,
        3,
        [2],
        now,
    )
    assert {m.metric_family_name: m.type for m in request.metadata} == {"h": 3, "s": 5, "n": 3}


async def test_a_write_of_2_0_is_taken_and_told_what_was_stored(site: Site) -> None:
    cluster, now = fresh(), testing.now_ms()
    request = remote_v2_pb2.Request(symbols=["", "__name__", "up", "_id", cluster])
    series = request.timeseries.add(labels_refs=[1, 2, 3, 4])
    series.samples.add(value=1.0, timestamp=now)
    series.samples.add(value=2.0, timestamp=now + 1)
    sent = Sent(
        body=snappy_block.compress(request.SerializeToString()),
        path="/api/v1/write",
        headers={
            "Content-Type": WRITE + ";proto=io.prometheus.write.v2.Request",
            "Content-Encoding": "snappy",
        },
    )

    status, headers, text = await send(site, cluster, sent)

    assert status == 200, text
    assert headers["X-Prometheus-Remote-Write-Samples-Written"] == "2"
    assert [(v, t) for _, v, t in await stored(site, "any", cluster)] == [
        (1.0, now),
        (2.0, now + 1),
    ]


async def test_values_arrive_bit_for_bit(site: Site) -> None:
    cluster, now = fresh(), testing.now_ms()
    stale = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
    values = [1 / 3, -0.0, float("inf"), 5e-324, stale]
    body = family("up", [({"_id": cluster, "n": str(n)}, v, now) for n, v in enumerate(values)])

    await send(site, cluster, upload(body))

    found = {labels["n"]: value for labels, value, _ in await stored(site, "any", cluster)}
    assert [struct.pack("<d", found[str(n)]) for n in range(5)] == [
        struct.pack("<d", value) for value in values
    ]


async def test_a_retry_of_the_same_body_is_stored_once(site: Site) -> None:
    cluster, now = fresh(), testing.now_ms()
    sent = upload(up(cluster, now))

    statuses = [(await send(site, cluster, sent))[0] for _ in range(3)]

    subject = subjects.samples(
        subjects.ShardRef(JobRef("team-a", "any"), subjects.push_shard(cluster))
    )
    info = await site.bus.js.stream_info(subjects.SAMPLES, subjects_filter=subject)
    first = await batches.last(site.bus, subjects.SAMPLES, subject)
    await send(site, cluster, sent)
    assert statuses == [200, 200, 200]
    assert await batches.last(site.bus, subjects.SAMPLES, subject) == first
    assert (info.state.subjects or {})[subject] >= 1


async def test_what_is_not_served_is_not_kept_as_the_latest(site: Site) -> None:
    cluster, now = fresh(), testing.now_ms()

    await send(site, cluster, upload(up(cluster, now), job="unserved"))

    subject = subjects.latest(JobRef("team-a", "unserved"), cluster)
    assert await batches.last(site.bus, subjects.LATEST, subject) is None
    assert len(await stored(site, "unserved", cluster)) == 1


async def test_rejected_series_can_be_looked_at(site: Site) -> None:
    cluster, now = fresh(), testing.now_ms()

    await send(site, cluster, upload(up(cluster, now - 25 * HOUR, j="old") + up(cluster, now)))

    message = await batches.last(
        site.bus, subjects.REJECTS, subjects.rejects(JobRef("team-a", "any"))
    )
    assert message is not None
    request = snappy_block.decompress(message.data, limit=1 << 24)
    (span,) = remote_write.series(request)
    assert message.headers[subjects.HEADER_REASON] == "too-old"
    assert remote_write.series_labels(request, span)["j"] == "old"


async def test_telemeters_credential_form_says_who_pushes(site: Site) -> None:
    document = {"authorization_token": "nobody's", "cluster_id": "c"}
    bearer = base64.b64encode(json.dumps(document).encode()).decode()

    status, _, _ = await send(site, "c", written(now=0, path="/metrics/v1/receive", bearer=bearer))

    assert status == 401
