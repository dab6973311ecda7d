"""Remote read: what reaches a backend, and what the tenant is answered."""

import aiohttp
import pytest
from aiohttp import web
from tests.unit.query_gateway.test_read_chunks import frame
from tests.unit.query_gateway.test_read_request import request
from tests.unit.query_gateway.test_read_samples import block

from query_gateway.testing import Answer, FakePrometheus, Harness, gateway
from tenantry_common import snappy_block
from tenantry_common.proto import remote_pb2

UP = [("__name__", "=", "up")]
OWN, FOREIGN = {"job": "a", "ns": "shop"}, {"job": "a", "ns": "bank"}
CHUNKS = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
HEADERS = {
    "X-Tenant-Namespace": "shop",
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
}


def samples(*results: list[dict[str, str]]) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
        return web.Response(body=block(*results), headers=headers)

    return answer


def chunks(*frames: bytes) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": CHUNKS})
        await response.prepare(request)
        for one in frames:
            await response.write(one)
        return response

    return answer


async def read(harness: Harness, body: bytes, **headers: str) -> aiohttp.ClientResponse:
    given = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await harness.client.post("/api/v1/read", data=body, headers=given)


async def test_samples_are_asked_restricted_and_checked() -> None:
    fake = FakePrometheus(answer=samples([OWN]))
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{ns="shop"}')

        answer = await read(harness, request(UP))
        assert answer.headers["Content-Type"] == "application/x-protobuf"
        assert answer.headers["Content-Encoding"] == "snappy"
        assert await answer.read() == block([OWN])

        fake.answer = samples([OWN, FOREIGN])
        assert (await read(harness, request(UP))).status == 500

    (seen, _) = fake.seen
    assert (seen.method, seen.path, seen.pairs) == ("POST", "/api/v1/read", ())
    assert {name: seen.headers[name] for name in ("Content-Type", "Content-Encoding")} == {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
    }
    assert seen.headers["Accept-Encoding"] == "snappy"
    assert seen.headers["X-Prometheus-Remote-Read-Version"] == "0.1.0"
    message = remote_pb2.ReadRequest.FromString(snappy_block.decompress(seen.body, limit=1000))
    assert [(one.name, one.value) for one in message.queries[0].matchers] == [
        ("__name__", "up"),
        ("ns", "shop"),
    ]


async def test_chunks_are_passed_on_frame_by_frame() -> None:
    own, foreign = frame(OWN), frame(FOREIGN)
    fake = FakePrometheus(answer=chunks(own[:5], own[5:] + own))
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{ns="shop"}')

        answer = await read(harness, request(UP, accepted=(1,)))
        assert (answer.status, answer.headers["Content-Type"]) == (200, CHUNKS)
        assert await answer.read() == own + own

        fake.answer = chunks(foreign)
        assert (await read(harness, request(UP, accepted=(1,)))).status == 500

        fake.answer = chunks(own, foreign)
        broken = await read(harness, request(UP, accepted=(1,)))
        assert broken.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await broken.read()


@pytest.mark.parametrize("accepted", [0, 1])
async def test_a_union_is_asked_part_by_part_and_united(accepted: int) -> None:
    async def answer(given: web.Request) -> web.StreamResponse:
        text = snappy_block.decompress(await given.read(), limit=1000)
        labels = {"job": "b", "ns": "x"} if b"job" in text else OWN
        return await (chunks(frame(labels)) if accepted else samples([labels]))(given)

    fake = FakePrometheus(answer=answer)
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", 'up{job="b"}', '{ns="shop"}')
        harness.policies.grant("shop", '{job="b",ns!="shop"}', '{ns="shop"}')

        found = await read(harness, request(UP, accepted=(accepted,)))

        body = await found.read()
        if accepted:
            assert body == frame(OWN) + frame({"job": "b", "ns": "x"})
        else:
            results = remote_pb2.ReadResponse.FromString(
                snappy_block.decompress(body, limit=1000)
            ).results
            assert [[one.labels[0].value for one in it.timeseries] for it in results] == [
                ["a", "b"]
            ]

    assert len(fake.seen) == 2


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(request(UP), {"Content_Encoding": "gzip"}, 415, id="another encoding"),
        pytest.param(
            request(UP), {"Content_Type": "application/x-www-form-urlencoded"}, 415, id="a form"
        ),
        pytest.param(b"match[]=up", {}, 400, id="not snappy"),
        pytest.param(b"\xff\xff\xff\xff\x0f\x00", {}, 413, id="a bomb"),
        pytest.param(request([("a", "=~", "(")]), {}, 400, id="a bad expression"),
    ],
)
async def test_what_cannot_be_read_reaches_no_backend(
    body: bytes, headers: dict[str, str], status: int
) -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{ns="shop"}')

        assert (await read(harness, body, **headers)).status == status

    assert fake.seen == []


async def test_without_its_encoding_a_request_is_none() -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{ns="shop"}')
        headers = {name: HEADERS[name] for name in HEADERS if name != "Content-Encoding"}

        answer = await harness.client.post("/api/v1/read", data=request(UP), headers=headers)
        get = await harness.client.get("/api/v1/read", headers=headers)

        assert (answer.status, get.status) == (415, 405)

    assert fake.seen == []


async def test_a_backend_that_answers_otherwise_is_none() -> None:
    fake = FakePrometheus(answer=chunks(frame(OWN)))
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{ns="shop"}')

        assert (await read(harness, request(UP))).status == 503


async def test_too_many_samples_are_a_limit_of_the_backend() -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=400, text="exceeded sample limit (5)\n")

    fake = FakePrometheus(answer=answer)
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{ns="shop"}')

        found = await read(harness, request(UP))

        assert (found.status, (await found.json())["error"]) == (422, "exceeded sample limit (5)")
