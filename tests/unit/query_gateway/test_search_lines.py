"""Answers of the search endpoints are checked line by line."""

from collections.abc import AsyncIterator

import pytest

from query_gateway import search_lines
from query_gateway.answers import NotAnAnswer, Violation


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def permitted(name: str) -> bool:
    return name.startswith("shop")


async def read(*parts: bytes) -> list[bytes]:
    return [line async for line in search_lines.lines(chunks(*parts), permitted)]


async def test_lines_are_put_together_and_passed_on() -> None:
    found = await read(
        b'{"results":[{"name":"shop_a","score":0.5},{"na',
        b'me":"shop_b","type":"counter","help":"B","unit":""}],"warnings":["w"]}\n{"sta',
        b'tus":"success","has_more":false}\n',
    )

    assert found == [
        b'{"results":[{"name":"shop_a","score":0.5},'
        b'{"name":"shop_b","type":"counter","help":"B"}],"warnings":["w"]}\n',
        b'{"status":"success","has_more":false}\n',
    ]


async def test_an_unknown_field_is_not_passed_on() -> None:
    assert await read(b'{"results":[{"name":"shop","secret":"x"}],"more":1}\n') == [
        b'{"results":[{"name":"shop"}]}\n'
    ]


async def test_a_name_that_is_not_permitted_is_a_violation() -> None:
    with pytest.raises(Violation):
        await read(b'{"results":[{"name":"shop"},{"name":"bank"}]}\n')


async def test_an_error_does_not_quote_what_was_injected() -> None:
    (line,) = await read(
        b'{"status":"error","errorType":"execution","error":"cannot match {namespace=\\"shop\\"}"}\n'
    )

    assert line == (
        b'{"status":"error","errorType":"execution",'
        b'"error":"the backend could not evaluate the query (422)"}\n'
    )


@pytest.mark.parametrize(
    "body",
    [b"not json\n", b'{"results":[]}', b"[]\n", b'{"results":[{"name":1}]}\n', b"x" * (17 << 20)],
    ids=["no JSON", "cut off", "no object", "no name", "no end"],
)
async def test_what_is_no_such_answer_is_none(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        await read(body)
