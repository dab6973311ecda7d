"""Tries, pauses and the taking apart, against endpoints that are functions of a request."""

import asyncio
from collections.abc import Callable

import pytest

from tenantry_common import remote_write, snappy_block
from writer import outcome
from writer.deliver import Courier, Patience, Settled
from writer.hold import Hold
from writer.isolate import Refused
from writer.testing import series

PATIENCE = Patience(first=0.001, limit=0.002, after_limit=0.01, fault=0.001, poison_tries=3)
ONE = [series({"__name__": f"m{n}"}, (1000, n)) for n in range(4)]
BLOCK = snappy_block.compress(remote_write.join(ONE))
LATE = outcome.Split("400 out of order sample", "time")
AWAY = outcome.Retry("cannot connect")
BOOM = outcome.Retry("500 boom", maybe_stored=True, about_data=True)

type Decide = Callable[[bytes], outcome.Outcome]


class Scene:
    """A courier and the endpoint that it delivers to."""

    def __init__(self, decide: Decide) -> None:
        self.draining = asyncio.Event()
        self.tried_often = asyncio.Event()
        self.posted: list[bytes] = []
        self.failures: list[outcome.Failure] = []
        self._decide = decide
        self.courier = Courier(self.post, PATIENCE, self.draining, self.failures.append)

    async def post(self, block: bytes) -> outcome.Outcome:
        request = snappy_block.decompress(block, limit=10_000)
        self.posted.append(request)
        if len(self.posted) == 20:
            self.tried_often.set()
        return self._decide(request)

    async def deliver(self, *, block: bytes = BLOCK, redelivered: bool = False) -> Settled | None:
        async with asyncio.timeout(5) as scope:
            return await self.courier.deliver(block, Hold(scope), redelivered=redelivered)


def in_turn(*outcomes: outcome.Outcome) -> Decide:
    remaining = iter(outcomes)
    return lambda _: next(remaining)


def refusing(refusal: outcome.Outcome, *numbers: int) -> Decide:
    bad = {ONE[n] for n in numbers}
    return lambda r: refusal if bad & {*remote_write.singles(r)} else outcome.Delivered()


def test_a_retry_after_is_heeded_up_to_its_limit() -> None:
    courier = Scene(refusing(LATE)).courier
    pauses = [
        courier._after(outcome.Retry("429", after), iter([0.004]))
        for after in (None, 0.0, 0.006, 1000.0)
    ]

    assert pauses == [0.004, 0.004, 0.006, 0.01]


async def test_the_same_bytes_are_tried_until_they_are_stored() -> None:
    scene = Scene(
        in_turn(
            AWAY,
            outcome.Retry("429", 0.001),
            outcome.ConfigFault("404"),
            outcome.CredentialsFault("401"),
            outcome.Delivered(),
        )
    )

    assert await scene.deliver() == Settled()
    assert scene.posted == [remote_write.join(ONE)] * 5
    assert [failure.reason for failure in scene.failures] == [
        "cannot connect",
        "429",
        "404",
        "401",
    ]


async def test_only_the_bad_series_is_rejected() -> None:
    scene = Scene(refusing(LATE, 2))

    assert await scene.deliver() == Settled(
        refused=(Refused(request=ONE[2], reason=LATE.reason, cause="time", verdict="rejected"),)
    )
    assert ONE[3] in scene.posted


@pytest.mark.parametrize(
    ("before", "redelivered", "verdict"),
    [
        pytest.param([], False, "rejected", id="first try"),
        pytest.param([], True, "already stored", id="redelivery"),
        pytest.param([AWAY], False, "rejected", id="never sent before"),
        pytest.param(
            [outcome.Retry("no answer in time", maybe_stored=True)],
            False,
            "already stored",
            id="sent before without an answer",
        ),
    ],
)
async def test_late_series_count_as_stored_if_they_may_have_been_sent(
    before: list[outcome.Outcome], redelivered: bool, verdict: str
) -> None:
    decide = in_turn(*before, *[LATE] * 7)

    settled = await Scene(decide).deliver(redelivered=redelivered)

    assert settled is not None
    assert [one.verdict for one in settled.refused] == [verdict] * 4


async def test_poison_that_is_answered_500_is_found_after_some_tries() -> None:
    scene = Scene(refusing(BOOM, 1))

    settled = await scene.deliver()

    assert settled is not None
    assert [(one.request, one.verdict) for one in settled.refused] == [(ONE[1], "rejected")]
    assert scene.posted[:3] == [remote_write.join(ONE)] * 3


async def test_an_endpoint_that_answers_500_to_everything_loses_nothing() -> None:
    answers = iter([BOOM] * 40)
    scene = Scene(lambda _: next(answers, outcome.Delivered()))

    assert await scene.deliver() == Settled()


async def test_a_batch_that_nobody_can_read_is_rejected_as_it_is() -> None:
    scene = Scene(in_turn())
    garbage = b"\xff\xff\xff\xff\xff\xff"

    async def refuse(_: bytes) -> outcome.Outcome:
        return outcome.Split("400 snappy: corrupt input", "invalid")

    scene.courier = Courier(refuse, PATIENCE, scene.draining, scene.failures.append)
    settled = await scene.deliver(block=garbage)

    assert settled is not None
    (refused,) = settled.refused
    assert (refused.request, refused.unreadable, refused.verdict) == (garbage, True, "rejected")


@pytest.mark.parametrize(
    "decide",
    [
        pytest.param(lambda _: AWAY, id="while it retries"),
        pytest.param(lambda _: outcome.ConfigFault("404"), id="while it waits for repair"),
        pytest.param(lambda _: outcome.Split("400 what", "unknown"), id="while it is stuck"),
    ],
)
async def test_draining_ends_the_tries(decide: Decide) -> None:
    scene = Scene(decide)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(scene.deliver())
        await asyncio.wait_for(scene.tried_often.wait(), 5)
        scene.draining.set()

    assert task.result() is None
    assert not scene.courier.posting


async def test_an_answer_that_comes_after_the_hold_has_ended_is_not_believed() -> None:
    loop = asyncio.get_running_loop()
    posted: list[bytes] = []

    async def refuse_late(block: bytes) -> outcome.Outcome:
        scope.reschedule(loop.time() - 1)  # as after a pause of the whole process
        posted.append(block)
        return LATE

    courier = Courier(refuse_late, PATIENCE, asyncio.Event(), lambda _: None)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5) as scope:
            await courier.deliver(BLOCK, Hold(scope), redelivered=False)
    assert len(posted) == 1


async def test_what_is_not_due_waits_and_is_no_failure() -> None:
    scene = Scene(lambda _: outcome.Delivered())
    posted: list[outcome.Posted] = [outcome.NotYet(0.001), outcome.NotYet(0.001)]

    async def post(_: bytes) -> outcome.Posted:
        return posted.pop(0) if posted else outcome.Delivered()

    scene.courier = Courier(post, PATIENCE, scene.draining, scene.failures.append)

    assert await scene.deliver() == Settled()
    assert (posted, scene.failures) == ([], [])


@pytest.mark.parametrize(
    "decide",
    [
        pytest.param(lambda left: in_turn(outcome.Delivered((left,))), id="of the whole"),
        pytest.param(
            lambda left: in_turn(LATE, outcome.Delivered((left,)), outcome.Delivered()),
            id="of a piece",
        ),
    ],
)
async def test_what_was_left_out_is_rejected(decide: Callable[[outcome.LeftOut], Decide]) -> None:
    left = outcome.LeftOut(request=ONE[0], reason="too old", cause="time")

    settled = await Scene(decide(left)).deliver()

    assert settled == Settled(
        refused=(Refused(request=ONE[0], reason="too old", cause="time", verdict="rejected"),)
    )
