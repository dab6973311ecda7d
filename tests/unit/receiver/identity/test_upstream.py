"""An upstream's answers are remembered; while it says nothing, its last yes counts, and no no."""

import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from receiver.identity.settings import Upstream as Settings
from receiver.identity.upstream import Unavailable, Upstream
from receiver.metrics import Metrics
from receiver.refusal import Refused

SETTINGS = Settings(
    url="http://u", tenant="t", job="j", fresh_seconds=0.0, refused_seconds=0.0, stale_seconds=60.0
)
ABSENT = None


class Service:
    def __init__(self, *answers: bool | None) -> None:
        self.answers: Sequence[bool | None] = answers
        self.asked: list[bytes] = []

    async def __call__(self, document: bytes) -> bool:
        self.asked.append(document)
        await asyncio.sleep(0)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if answer is None:
            raise Unavailable("away")
        return answer


async def outcome(upstream: Upstream, token: str = "t") -> int:  # noqa: S107 - of nobody
    try:
        await upstream.identify(token, "c")
    except Refused as refused:
        return refused.status
    return 200


@pytest.mark.parametrize(
    ("answers", "statuses"),
    [
        pytest.param([True], [200, 200], id="yes"),
        pytest.param([False], [401, 401], id="no"),
        pytest.param([ABSENT], [503, 503], id="nothing"),
        pytest.param([True, ABSENT], [200, 200], id="its last yes"),
        pytest.param([False, ABSENT], [401, 503], id="its last no"),
        pytest.param([True, False, ABSENT], [200, 401, 503], id="a yes that was taken back"),
        pytest.param([ABSENT, True], [503, 200], id="back again"),
    ],
)
async def test_answers_over_time(answers: list[bool | None], statuses: list[int]) -> None:
    upstream = Upstream(SETTINGS, Service(*answers), Metrics(CollectorRegistry()))

    assert [await outcome(upstream) for _ in statuses] == statuses


async def test_those_who_ask_at_the_same_time_wait_for_one_answer() -> None:
    service = Service(True)
    settings = Settings(url="http://u", tenant="t", job="j")
    upstream = Upstream(settings, service, Metrics(CollectorRegistry()))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(upstream)) for _ in range(50)]

    assert {task.result() for task in tasks} == {200}
    assert service.asked == [b'{"cluster_id":"c","authorization_token":"t"}']
    assert (await upstream.identify("t", "c")).job == ("t", "j")
