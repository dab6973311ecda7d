"""Test files in the form of Prometheus' own are read as series and queries."""

import math
from pathlib import Path

import pytest
from tests.oracle.promql import corpus, curves
from tests.oracle.promql.universe import Abilities

ALL = Abilities(native_histograms=True, custom_buckets=True, utf8_names=True)
OLD = Abilities(native_histograms=False, custom_buckets=False, utf8_names=False)

FILE = """
load 5m
  http_requests{job="api", path="/{id}"}  0+10x3
  {"http.requests"} 1
  rpc {{schema:0 count:1}}x2
  typed{__type__="counter"} 1

# a remark
eval instant at 50m sum by (job) (http_requests)
  {job="api"} 30

eval_ordered instant at 1m30s sort(rpc)
eval range from 0 to 10m step 1m rate(rpc[5m])
eval instant at 50m sum by (job) (http_requests)
clear
load_with_nhcb 30s
  http_requests{job="api", path="/{id}"} 5
"""


@pytest.fixture
def read(tmp_path: Path) -> corpus.Corpus:
    (tmp_path / "some.test").write_text(FILE, encoding="utf-8")
    return corpus.read(tmp_path)


def test_queries_are_read_once(read: corpus.Corpus) -> None:
    assert read.queries == ("sum by (job) (http_requests)", "sort(rpc)", "rate(rpc[5m])")


def test_series_are_read_once_and_stored_where_they_can_be(read: corpus.Corpus) -> None:
    named = [dict(one.labels) for one in read.series(ALL)]

    assert named == [
        {"__name__": "http_requests", "job": "api", "path": "/{id}"},
        {"__name__": "http.requests"},
        {"__name__": "rpc"},
    ]
    assert [dict(one.labels) for one in read.series(OLD)] == named[:1]
    assert all(any(one.slices) for one in read.series(ALL))


def test_values_are_written_out() -> None:
    times = range(curves.START, curves.START + 12_000, 1000)

    found = corpus._samples("0+10x2 _ 1e3 _x2 -1-2x1 Inf stale 7x5", times)

    assert [(time - curves.START) // 1000 for time, _ in found] == [0, 1, 2, 4, 7, 8, 9, 10, 11]
    assert [value for _, value in found[:7]] == [0, 10, 20, 1000, -1, -3, math.inf]
    assert math.isnan(found[7][1])
    assert found[8][1] == 7


def test_no_folder_is_an_empty_corpus() -> None:
    assert corpus.read(None) == corpus.Corpus()
