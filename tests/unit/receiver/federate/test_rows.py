"""Rows say of each series what the request says, and nothing of what has no name or sample."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.federate import rows
from receiver.federate import testing as pushed
from receiver.federate.testing import metric
from tenantry_common import errors
from tenantry_common.proto import remote_pb2

TEXT = st.text(min_size=1, max_size=200)
LABELS = st.dictionaries(TEXT.filter(lambda name: name != "__name__"), TEXT, max_size=6)
SERIES = st.tuples(
    st.builds(lambda name, labels: metric(name) | labels, TEXT, LABELS),
    st.floats(),
    st.integers(-(2**63), 2**63 - 1),
)


def raw(value: float) -> bytes:
    return struct.pack("<d", value)


@given(st.lists(SERIES, max_size=5))
def test_every_series_is_read_as_it_was_written(
    series: list[tuple[dict[str, str], float, int]],
) -> None:
    found = [row for _, row in rows.read(pushed.request(*series))]

    assert [(row.labels_by_name, row.value, row.stamp) for row in found] == [
        (labels, raw(value), stamp) for labels, value, stamp in series
    ]


def test_the_newest_of_several_samples_counts() -> None:
    made = remote_pb2.WriteRequest()
    series = made.timeseries.add()
    series.labels.add(name="__name__", value="a")
    for stamp, value in ((5, 1.0), (9, 2.0), (7, 3.0)):
        series.samples.add(value=value, timestamp=stamp)

    [(_, row)] = rows.read(made.SerializeToString())

    assert (row.stamp, row.value) == (9, raw(2.0))


def test_what_has_no_name_or_no_sample_is_left_out() -> None:
    made = remote_pb2.WriteRequest()
    made.timeseries.add().labels.add(name="__name__", value="a")
    made.timeseries.add().samples.add(value=1, timestamp=1)

    assert list(rows.read(made.SerializeToString())) == []


def test_a_stale_marker_is_told_from_other_nans() -> None:
    found = rows.read(
        pushed.request((metric("a"), pushed.STALE, 1), (metric("b"), float("nan"), 1))
    )

    assert [row.is_stale for _, row in found] == [True, False]


def test_types_come_from_the_metadata() -> None:
    request = pushed.request(
        (metric("a"), 1, 1), types={"a": "counter", "b": "gauge", "h": "histogram"}
    )

    assert rows.types(request) == {"a": "counter", "b": "gauge", "h": "histogram"}


@pytest.mark.parametrize(
    ("name", "family"),
    [("h_bucket", "h"), ("h_sum", "h"), ("h", "h"), ("c_count", "c_count"), ("x_sum", "x_sum")],
)
def test_parts_of_histograms_belong_to_their_family(name: str, family: str) -> None:
    assert rows.family_of(name, {"h": "histogram", "c": "counter"}) == family


@given(st.binary(max_size=300))
def test_what_is_broken_is_refused_and_never_fails_otherwise(data: bytes) -> None:
    with contextlib.suppress(errors.Undecodable):
        list(rows.read(data))
    with contextlib.suppress(errors.Undecodable):
        rows.types(data)


@given(SERIES, st.data())
def test_a_request_that_was_cut_is_refused_or_shorter(
    series: tuple[dict[str, str], float, int], data: st.DataObject
) -> None:
    whole = pushed.request(series)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with contextlib.suppress(errors.Undecodable):
        assert list(rows.read(cut)) == []
