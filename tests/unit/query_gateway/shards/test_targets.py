"""Which shards can hold what a query selects."""

import pytest

from query_gateway.shards import targets
from tenantry_promql.reader import read
from tenantry_promql.settings import Limits

SHARDS = {"one": {"cluster": "eu"}, "two": {"cluster": "us"}, "three": {}}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("up", ("one", "two", "three"), id="says nothing"),
        pytest.param('up{cluster="eu"}', ("one", "three"), id="names a cluster"),
        pytest.param('up{cluster=~"e.|u."}', ("one", "two", "three"), id="an expression"),
        pytest.param('up{cluster="eu"} / up{cluster="us"}', ("one", "two", "three"), id="two"),
        pytest.param('up{cluster!="eu",cluster!="us"}', ("three",), id="the one that says nothing"),
        pytest.param("time()", ("one",), id="selects nothing, so any will do"),
    ],
)
def test_a_shard_is_left_out_when_its_labels_contradict(
    query: str, expected: tuple[str, ...]
) -> None:
    assert targets.possible(read(query, Limits()), SHARDS) == expected
