"""The text format is read as its description says, with the position of what cannot be."""

import contextlib
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry_common import errors, metric_text, protowire, remote_write
from tenantry_common.pushed import MetricType

type Read = list[tuple[dict[str, str], float, int | None]]


def read(text: str) -> Read:
    found: Read = []
    for group in metric_text.read(text.encode()):
        for labels, value, stamp in group.rows:
            when = (
                protowire.signed(protowire.read_varint(stamp, 0, len(stamp))[0]) if stamp else None
            )
            found.append(
                (remote_write.decode_labels(group.name + labels), *struct.unpack("<d", value), when)
            )
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("up 1", ({"__name__": "up"}, 1.0, None), id="bare"),
        pytest.param("up{} 1 5", ({"__name__": "up"}, 1.0, 5), id="empty braces"),
        pytest.param(
            'up{a="b",c="d"} 1.5 -5', ({"__name__": "up", "a": "b", "c": "d"}, 1.5, -5), id="labels"
        ),
        pytest.param('up{a="b",} 1', ({"__name__": "up", "a": "b"}, 1.0, None), id="last comma"),
        pytest.param(
            'up {a = "b" , c="d"}  1  ',
            ({"__name__": "up", "a": "b", "c": "d"}, 1, None),
            id="blanks",
        ),
        pytest.param(
            r'up{a="\"\\\n}"} 1', ({"__name__": "up", "a": '"\\\n}'}, 1, None), id="escapes"
        ),
        pytest.param('up{a="\u00e9"} 1', ({"__name__": "up", "a": "\u00e9"}, 1, None), id="UTF-8"),
        pytest.param("up +Inf", ({"__name__": "up"}, math.inf, None), id="infinite"),
        pytest.param("up -inf", ({"__name__": "up"}, -math.inf, None), id="less than that"),
        pytest.param("up 1e-3", ({"__name__": "up"}, 0.001, None), id="exponent"),
        pytest.param("a:b_c 1\r", ({"__name__": "a:b_c"}, 1.0, None), id="another line end"),
    ],
)
def test_a_line_is_read(line: str, expected: tuple[dict[str, str], float, int | None]) -> None:
    assert read(f"\n# a comment\n{line}\n") == [expected]


def test_not_a_number_is_read() -> None:
    ((_, value, _),) = read("up NaN\n")

    assert math.isnan(value)


def test_types_are_told_by_family() -> None:
    text = (
        "# HELP h seconds\n# TYPE h histogram\n"
        'h_bucket{le="1"} 2\nh_sum 1\nh_count 2\n'
        '# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 1\ns_count 2\n'
        "# TYPE c counter\nc 1\n# TYPE odd strange\nodd 1\nbare 1\n"
    )
    found = {(group.family, group.type) for group in metric_text.read(text.encode())}

    assert found == {
        ("h", MetricType.HISTOGRAM),
        ("s", MetricType.SUMMARY),
        ("c", MetricType.COUNTER),
        ("odd", MetricType.UNKNOWN),
        ("bare", MetricType.UNKNOWN),
    }


@pytest.mark.parametrize(
    "line",
    [
        "up",
        "up one",
        "up 1_000",
        "up 0x10",
        "up 1 2 3",
        "up 1 2.5",
        'up{a="b" 1',
        "up{a=b} 1",
        'up{a="b"c="d"} 1',
        'up{="b"} 1',
        'up{a-b="c"} 1',
        "1up 1",
        "up 1 99999999999999999999",
    ],
)
def test_what_cannot_be_read_is_refused_with_its_position(line: str) -> None:
    with pytest.raises(errors.Undecodable, match="position 5:"):
        read(f"ok 1\n{line}\n")


@given(st.text(max_size=100))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(errors.Undecodable):  # and nothing else
        metric_text.read(text.encode())


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]\w{0,5}", fullmatch=True).filter(str.isascii), st.text(max_size=20)
    ),
    st.floats(),
)
def test_what_is_written_is_read(labels: dict[str, str], value: float) -> None:
    escaped = {
        name: text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        for name, text in labels.items()
    }
    inside = ",".join(f'{name}="{text}"' for name, text in escaped.items())
    ((found, number, _),) = read(f"up{{{inside}}} {value!r}\n")

    wanted = {"__name__": "up", **{name: text for name, text in labels.items() if text}}
    assert found == wanted
    assert struct.pack("<d", number) == struct.pack("<d", value) or math.isnan(value)
