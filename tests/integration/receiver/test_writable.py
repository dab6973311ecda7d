"""A receiver that cannot store says so at /readyz, answers 503, and goes on when NATS is back."""

from tests.integration.receiver.conftest import Site

from receiver import testing


async def test_readiness_follows_the_streams(site: Site) -> None:
    await site.start(limits={"store_seconds": 1.0})
    await site.publish(testing.job())

    async def ready(status: int) -> bool:
        async with site.session.get(f"{site.ops_urls[0]}/readyz") as answer:
            return answer.status == status

    async def push() -> int:
        body = testing.family("up", [({}, 1.0, testing.now_ms())])
        answer = await site.upload(body)
        assert answer.status != 503 or int(answer.headers["Retry-After"]) > 0
        return answer.status

    assert await ready(200)
    assert await push() == 200
    await site.nats.kill()
    assert await push() == 503, "never 401"
    await site.until(lambda: ready(503))
    await site.nats.start()
    await site.until(lambda: ready(200), 40)
    assert await push() == 200
