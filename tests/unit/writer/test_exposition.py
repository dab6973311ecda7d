"""The newest value of each series, and the text a Pushgateway gets."""

import struct

import pytest

from tenantry_common import remote_write
from writer import exposition
from writer.testing import series

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
MINUTE = 60_000


def text(*requests: bytes) -> str:
    latest: exposition.Latest = {}
    for request in requests:
        latest = exposition.fold(latest, request)
    return exposition.text(latest).decode()


@pytest.mark.parametrize(
    ("labels", "value", "line"),
    [
        pytest.param({"__name__": "up"}, 1, "up 1.0", id="no labels"),
        pytest.param({"__name__": "m", "b": "2", "a": "1"}, 0.1, 'm{a="1",b="2"} 0.1', id="labels"),
        pytest.param({"__name__": "m", "a": '\\"\n'}, 1, 'm{a="\\\\\\"\\n"} 1.0', id="escapes"),
        pytest.param({"__name__": "m", "job": "x"}, 1, 'm{exported_job="x"} 1.0', id="job"),
        pytest.param(
            {"__name__": "m", "job": "x", "exported_job": "y"},
            1,
            'm{exported_exported_job="x",exported_job="y"} 1.0',
            id="exported_job is taken",
        ),
        pytest.param({"__name__": "m.x", "a.b": "c"}, 1, '{"m.x","a.b"="c"} 1.0', id="UTF-8 names"),
        pytest.param({"__name__": "m.x"}, 1, '{"m.x"} 1.0', id="UTF-8 name alone"),
        pytest.param({"__name__": "m"}, float("inf"), "m +Inf", id="infinity"),
        pytest.param({"__name__": "m"}, float("-inf"), "m -Inf", id="negative infinity"),
        pytest.param({"__name__": "m"}, float("nan"), "m NaN", id="not a number"),
        pytest.param({"__name__": "m"}, -0.0, "m -0.0", id="negative zero"),
        pytest.param({"__name__": "m"}, 5e-324, "m 5e-324", id="smallest"),
    ],
)
def test_a_series_is_a_line(labels: dict[str, str], value: float, line: str) -> None:
    assert text(series(labels, (1, value))) == line + "\n"


def test_the_newest_sample_counts_in_whatever_order_they_come() -> None:
    newer = series({"__name__": "m"}, (3, 3), (2, 2))
    older = series({"__name__": "m"}, (1, 1))

    assert text(newer, older) == text(older, newer) == "m 3.0\n"


def test_series_of_one_name_stand_together() -> None:
    names = ("m", "m_x", "m")
    requests = [series({"__name__": name, "n": str(n)}, (1, n)) for n, name in enumerate(names)]

    assert text(*requests) == 'm{n="0"} 0.0\nm{n="2"} 2.0\nm_x{n="1"} 1.0\n'


def test_a_stale_marker_removes_a_series_and_nothing_older_brings_it_back() -> None:
    gone = series({"__name__": "m"}, (2, STALE))

    assert text(gone, series({"__name__": "m"}, (1, 1))) == ""
    assert text(gone, series({"__name__": "m"}, (3, 3))) == "m 3.0\n"


def test_a_series_that_the_others_left_behind_vanishes() -> None:
    left = series({"__name__": "left"}, (0, 1))

    assert text(left, series({"__name__": "m"}, (5 * MINUTE - 1, 2))) == "left 1.0\nm 2.0\n"
    assert text(left, series({"__name__": "m"}, (5 * MINUTE, 2))) == "m 2.0\n"


def test_the_newest_samples_are_a_request_again() -> None:
    latest: exposition.Latest = {}
    for request in (
        series({"__name__": "m"}, (1, 1), (2, 2)),
        series({"__name__": "m"}, (3, STALE)),
        series({"__name__": "n"}, (3, 4)),
        series({"nameless": "n"}, (3, 5)),
    ):
        latest = exposition.fold(latest, request)

    assert exposition.request(latest) == remote_write.join(
        [series({"__name__": "m"}, (3, STALE)), series({"__name__": "n"}, (3, 4))]
    )


def test_what_no_text_can_hold_is_found() -> None:
    fits, nameless = series({"__name__": "m"}, (1, 1)), series({"a": "b"}, (1, 1))
    histogram = series({"__name__": "h"})

    assert exposition.fit(remote_write.join([nameless, fits, histogram])) == (
        fits,
        (
            exposition.Unfit(nameless, "a series without a name has no place in a text format"),
            exposition.Unfit(
                histogram, "native histograms have no place in a Pushgateway's text format"
            ),
        ),
    )
