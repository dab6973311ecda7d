"""The headers of the last message say where a shard continues."""

from dataclasses import replace

import pytest

from collector import resume
from collector.resume import Position, Published, Unfinished
from collector.schedule import Window
from tenantry_common import errors

HEADERS = {
    "Tenantry-Schema": "1",
    "Tenantry-Window": "1000-31000",
    "Tenantry-Part": "3/3",
    "Tenantry-After": "7",
    "Tenantry-Source": "prom=2Ea",
    "Tenantry-Version": "0f",
}
PUBLISHED = Published(window=Window(1000, 31000), parts=3, after=7, source="prom.a", version="0f")
UNFINISHED = Position(
    end_ms=1000, sequence=12, unfinished=Unfinished(window=Window(1000, 31000), parts=2, after=7)
)


def test_after_the_last_part_comes_the_next_window() -> None:
    assert resume.parse(HEADERS, 12) == Position(end_ms=31000, sequence=12, published=PUBLISHED)


def test_window_of_an_older_collector_does_not_say_where_it_comes_from() -> None:
    old = {name: value for name, value in HEADERS.items() if name < "Tenantry-Sou"}
    old |= {"Tenantry-Window": "1000-31000"}

    assert resume.parse(old, 12).published == replace(PUBLISHED, source="", version="")


def test_after_another_part_comes_the_rest_of_the_window() -> None:
    assert resume.parse({**HEADERS, "Tenantry-Part": "2/3"}, 12) == UNFINISHED


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none at all"),
        pytest.param({**HEADERS, "Tenantry-Part": "2"}, id="part without total"),
        pytest.param({**HEADERS, "Tenantry-Window": "a-b"}, id="no numbers"),
        pytest.param({**HEADERS, "Tenantry-Source": "a=zz"}, id="no token"),
    ],
)
def test_headers_that_no_collector_writes_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(errors.Undecodable, match="headers of message 12"):
        resume.parse(headers, 12)


def test_newer_schema_is_refused() -> None:
    with pytest.raises(errors.NewerSchema):
        resume.parse({**HEADERS, "Tenantry-Schema": "99"}, 12)


@pytest.mark.parametrize(
    ("known", "found", "expected"),
    [
        pytest.param(None, None, None, id="a new shard"),
        pytest.param(None, UNFINISHED, UNFINISHED, id="a take-over in the middle of a window"),
        pytest.param(
            Position(end_ms=9, sequence=4), None, Position(end_ms=9, sequence=0), id="aged out"
        ),
        pytest.param(
            Position(end_ms=61000, sequence=12),
            Position(end_ms=31000, sequence=12, published=PUBLISHED),
            Position(end_ms=61000, sequence=12, published=PUBLISHED),
            id="windows since then were empty",
        ),
        pytest.param(
            Position(end_ms=31000, sequence=12),
            Position(end_ms=61000, sequence=15),
            Position(end_ms=61000, sequence=15),
            id="somebody else went on",
        ),
        pytest.param(
            Position(end_ms=1000, sequence=7), UNFINISHED, UNFINISHED, id="in doubt about a part"
        ),
        pytest.param(
            Position(end_ms=31000, sequence=12),
            UNFINISHED,
            Position(end_ms=31000, sequence=12),
            id="the rest of the window held nothing",
        ),
    ],
)
def test_what_is_known_and_what_the_stream_says(
    known: Position | None, found: Position | None, expected: Position | None
) -> None:
    assert resume.newest(known, found) == expected
