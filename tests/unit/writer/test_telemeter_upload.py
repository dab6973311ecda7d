"""What goes into which upload, with a server that only counts."""

import asyncio
import time
from collections.abc import Sequence
from typing import cast

import pytest
from multidict import CIMultiDict
from tests.push.reference_client import decode

from tenantry_common import batches, remote_write, snappy_block
from writer import access, outcome, telemeter_upload
from writer.telemeter_endpoint import TelemeterEndpoint
from writer.telemeter_upload import LaneUpload, Uploader
from writer.testing import headers, series

A, B = "samples.t.j.a", "samples.t.j.b"
NOW_MS = int(time.time() * 1000)  # samples are placed around it; nothing waits for it


class Server:
    """Answers as it is told, and keeps what each upload held."""

    def __init__(self) -> None:
        self.answers: list[outcome.Outcome] = []
        self.uploads: list[list[tuple[str, int]]] = []
        self.labels = {"_id": "c"}
        self.denied: access.Denied | None = None
        self.hangs = False

    async def grant(self) -> access.Granted | access.Denied:
        return self.denied or access.Granted(headers=CIMultiDict(), labels=self.labels)

    async def renew(self) -> bool:
        return False

    async def upload(self, body: bytes, _: access.Granted) -> outcome.Outcome:
        families = decode(body)
        self.uploads.append([(f.name, m.timestamp_ms - NOW_MS) for f in families for m in f.metric])
        if self.hangs:
            await asyncio.Event().wait()
        return self.answers.pop(0) if self.answers else outcome.Delivered()


class Delivery:
    """A batch as a lane has it in hand."""

    def __init__(self, subject: str, sequence: int, *requests: bytes) -> None:
        self.subject, self.sequence = subject, sequence
        self.data = snappy_block.compress(remote_write.join(requests))
        self.headers = headers(remote_write.join(requests), 0, 1)

    @property
    def stored(self) -> batches.Stored:
        return batches.Stored(
            subject=self.subject,
            sequence=self.sequence,
            headers=self.headers,
            data=self.data,
            at_ms=0,
        )


def m(name: str, *at: int) -> bytes:
    return series({"__name__": name}, *((NOW_MS + one, 1.0) for one in at))


class Rig:
    """An uploader with a stream behind it."""

    def __init__(self, *stream: Delivery, interval: float = 0, limit: int = 10_000) -> None:
        self.server = Server()
        self.stream = stream
        self.meanwhile: Delivery | None = None
        self.uploader = Uploader(
            cast(TelemeterEndpoint, self.server),  # the part of it that an uploader uses
            self.following,
            interval=interval,
            limit=limit,
        )

    async def following(self, subject: str, after: int) -> batches.Stored | None:
        if self.meanwhile is not None:
            await self.lane(self.meanwhile)
        found = [one for one in self.stream if one.subject == subject and one.sequence > after]
        return min(found, key=lambda one: one.sequence).stored if found else None

    async def lane(self, delivery: Delivery) -> LaneUpload:
        lane = LaneUpload(self.uploader, delivery.subject)
        await lane.load(cast(batches.Delivery, delivery))
        return lane


async def posts(lanes: Sequence[LaneUpload], *deliveries: Delivery) -> list[outcome.Posted]:
    return [await lane.post(one.data) for lane, one in zip(lanes, deliveries, strict=True)]


async def test_what_waits_goes_with_the_first_that_comes() -> None:
    a1, a2, b1 = Delivery(A, 1, m("a", 1)), Delivery(A, 4, m("a", 2)), Delivery(B, 2, m("b", 1))
    rig = Rig(a1, a2, b1, interval=300)
    lanes = [await rig.lane(a1), await rig.lane(b1)]

    first = await posts(lanes, a1, b1)
    second = await posts([await rig.lane(a2)], a2)

    assert first == [outcome.Delivered(), outcome.Delivered()]
    assert second == [outcome.Delivered()]
    assert rig.server.uploads == [[("a", 1), ("a", 2), ("b", 1)]]


async def test_a_lane_may_come_while_an_upload_is_made() -> None:
    a1, b1 = Delivery(A, 1, m("a", 1)), Delivery(B, 2, m("b", 1))
    rig = Rig(a1)
    rig.meanwhile = b1
    lane = await rig.lane(a1)

    assert await lane.post(a1.data) == outcome.Delivered()
    assert rig.server.uploads == [[("a", 1)]]


async def test_a_batch_that_does_not_fit_goes_on_with_the_next_upload() -> None:
    a1, a2 = Delivery(A, 1, m("a", 1, 2), m("b", 1, 2)), Delivery(A, 2, m("a", 3))
    rig = Rig(a1, a2, limit=90)
    lane = await rig.lane(a1)

    first = await lane.post(a1.data)
    second = await lane.post(a1.data)

    assert isinstance(first, outcome.NotYet)
    assert second == outcome.Delivered()
    assert rig.server.uploads[:2] == [[("a", 1), ("b", 1)], [("a", 2), ("b", 2)]]


async def test_between_uploads_batches_wait() -> None:
    a1, a2 = Delivery(A, 1, m("a", 1)), Delivery(A, 2, m("a", 2))
    rig = Rig(a1, interval=300)
    await (await rig.lane(a1)).post(a1.data)

    result = await (await rig.lane(a2)).post(a2.data)

    assert isinstance(result, outcome.NotYet)
    assert 0 < result.after <= 300
    assert len(rig.server.uploads) == 1


async def test_samples_that_are_too_old_are_left_out_and_told() -> None:
    day = 86_400_000
    a1 = Delivery(A, 1, m("a", -day, 1), m("b", -day))
    rig = Rig(a1)

    result = await (await rig.lane(a1)).post(a1.data)

    assert isinstance(result, outcome.Delivered)
    assert [(one.request, one.cause) for one in result.left_out] == [
        (m("a", -day), "time"),
        (m("b", -day), "time"),
    ]
    assert rig.server.uploads == [[("a", 1)]]


async def test_a_batch_with_nothing_to_send_is_settled_without_an_upload() -> None:
    a1 = Delivery(A, 1, series({"x": "no name"}, (NOW_MS, 1.0)))
    rig = Rig(a1)

    result = await (await rig.lane(a1)).post(a1.data)

    assert isinstance(result, outcome.Delivered)
    assert len(result.left_out) == 1
    assert rig.server.uploads == []


async def test_a_refusal_of_several_batches_is_followed_by_each_alone() -> None:
    a1, a2 = Delivery(A, 1, m("a", 1)), Delivery(A, 2, m("a", 2))
    rig = Rig(a1, a2)
    rig.server.answers = [outcome.Split("409", "unknown")]
    lane = await rig.lane(a1)

    together = await lane.post(a1.data)
    alone = await lane.post(a1.data)

    assert isinstance(together, outcome.Retry)
    assert alone == outcome.Delivered()
    assert rig.server.uploads == [[("a", 1), ("a", 2)], [("a", 1)]]


async def test_a_refusal_of_several_samples_is_followed_by_one_of_each_series() -> None:
    a1 = Delivery(A, 1, m("a", 1, 2), m("b", 1))
    rig = Rig(a1)
    rig.server.answers = [outcome.Split("409", "unknown")]
    lane = await rig.lane(a1)

    results = [await lane.post(a1.data) for _ in range(3)]

    assert [type(result) for result in results] == [
        outcome.Retry,
        outcome.NotYet,
        outcome.Delivered,
    ]
    assert rig.server.uploads[1:] == [[("a", 1), ("b", 1)], [("a", 2)]]


async def test_a_refusal_of_one_batch_is_a_verdict_on_it_and_others_go_without_it() -> None:
    a1, b1 = Delivery(A, 1, m("a", 1)), Delivery(B, 2, m("b", 1))
    rig = Rig(a1)
    refused = outcome.Split("400", "unknown")
    rig.server.answers = [refused]
    lane = await rig.lane(a1)
    piece = snappy_block.compress(m("a", 1))

    verdict = await lane.post(a1.data)
    await lane.post(piece)
    await (await rig.lane(b1)).post(b1.data)

    assert verdict == refused
    assert rig.server.uploads == [[("a", 1)], [("a", 1)], [("b", 1)]]


async def test_a_server_that_takes_less_gets_half_of_it() -> None:
    a1 = Delivery(A, 1, *(m(f"metric_{n}", 1) for n in range(1000)))
    rig = Rig(a1, limit=100_000)
    rig.server.answers = [outcome.Split("413", "size")]
    lane = await rig.lane(a1)

    first = await lane.post(a1.data)
    await lane.post(a1.data)

    assert isinstance(first, outcome.Retry)
    assert 400 < len(rig.server.uploads[1]) < 600


async def test_what_may_have_been_taken_is_sent_again_as_it_was() -> None:
    a1, a2 = Delivery(A, 1, m("a", 1)), Delivery(A, 2, m("a", 2))
    rig = Rig(a1)
    rig.server.answers = [outcome.Retry("no answer", maybe_stored=True)]
    lane = await rig.lane(a1)

    await lane.post(a1.data)
    rig.stream = (a1, a2)
    again = await lane.post(a1.data)

    assert again == outcome.Delivered()
    assert rig.server.uploads == [[("a", 1)], [("a", 1)]]


async def test_an_upload_that_was_cut_short_is_sent_again_as_it_was() -> None:
    a1, a2 = Delivery(A, 1, m("a", 1)), Delivery(A, 2, m("a", 2))
    rig = Rig(a1)
    rig.server.hangs = True
    lane = await rig.lane(a1)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await lane.post(a1.data)
    rig.server.hangs = False
    rig.stream = (a1, a2)
    again = await (await rig.lane(a1)).post(a1.data)

    assert again == outcome.Delivered()
    assert rig.server.uploads == [[("a", 1)], [("a", 1)]]


async def test_without_a_token_nothing_is_sent() -> None:
    a1 = Delivery(A, 1, m("a", 1))
    rig = Rig(a1)
    rig.server.denied = outcome.CredentialsFault("authorize answers 401")

    assert await (await rig.lane(a1)).post(a1.data) == rig.server.denied
    assert rig.server.uploads == []


async def test_new_labels_are_on_what_is_left() -> None:
    a1 = Delivery(A, 1, m("a", 1))
    rig = Rig(a1)
    lane = await rig.lane(a1)
    rig.server.answers = [outcome.Retry("503")]
    await lane.post(a1.data)
    rig.server.labels = {"_id": "other"}

    assert await lane.post(a1.data) == outcome.Delivered()


@pytest.mark.parametrize(
    "data", [b"\xff\xff\xff\xff\xff\xff\xff", snappy_block.compress(b"\x0a\xff")]
)
async def test_what_cannot_be_read_is_refused(data: bytes) -> None:
    a1 = Delivery(A, 1)
    a1.data = data
    rig = Rig(a1)

    result = await (await rig.lane(a1)).post(a1.data)

    assert isinstance(result, outcome.Split)
    assert result.cause == "invalid"


def test_old_is_a_little_less_than_a_day() -> None:
    assert 23 * 3600 < telemeter_upload.OLDEST_SECONDS < 24 * 3600
