"""Answers of remote read that hold samples are checked, united and cut down."""

import pytest

import tenantry_promql as promql
from query_gateway import read_samples
from query_gateway.answers import NotAnAnswer, Violation
from query_gateway.failures import Failure
from query_gateway.shards.frames import Uncomputable
from query_gateway.stored_labels import StoredLabels
from tenantry_common import protowire, remote_write, snappy_block
from tenantry_common.contracts import Backend
from tenantry_common.proto import remote_pb2

STORED = StoredLabels(
    promql.RuleSet(map(promql.parse_rule, ('{ns="shop"}', '{cluster="eu1"}'))),
    Backend(id="a", url="", ha_set="a", external_labels={"cluster": "eu1"}),
)


def block(*results: list[dict[str, str]]) -> bytes:
    """Return an answer whose series have one sample each, that of their number."""
    return snappy_block.compress(
        b"".join(
            protowire.delimited(
                1,
                b"".join(
                    remote_write.time_series(
                        remote_write.encode_labels(labels), b"\x12\x02\x10" + bytes([number])
                    )
                    for number, labels in enumerate(result)
                ),
            )
            for result in results
        )
    )


def united(
    *blocks: bytes, queries: int = 1, most: int = 10_000
) -> list[list[tuple[dict[str, str], int]]]:
    return read(read_samples.united(blocks, queries, STORED, most))


def read(block: bytes) -> list[list[tuple[dict[str, str], int]]]:
    answer = remote_pb2.ReadResponse.FromString(snappy_block.decompress(block, limit=10_000))
    return [
        [
            ({label.name: label.value for label in one.labels}, one.samples[0].timestamp)
            for one in result.timeseries
        ]
        for result in answer.results
    ]


A = {"job": "a", "ns": "shop", "cluster": "eu1"}
B = {"job": "b", "ns": "shop", "cluster": "eu1"}
DOUBTFUL = {"job": "c", "ns": "x", "cluster": "eu1"}
FOREIGN = {"job": "d", "ns": "bank", "cluster": "us1"}


def test_one_answer_of_permitted_series_is_passed_on_as_it_is() -> None:
    answer = block([B, A], [])

    assert read_samples.united([answer], 2, STORED, 10_000) is answer


def test_what_only_an_external_label_permits_is_left_out() -> None:
    assert united(block([B, DOUBTFUL, A])) == [[(B, 0), (A, 2)]]


def test_several_answers_are_united_query_by_query() -> None:
    found = united(block([B], [A]), block([A, B], []), queries=2)

    assert found == [[(A, 0), (B, 0)], [(A, 0)]]


def test_no_answer_is_an_empty_one() -> None:
    assert united(queries=0) == []


def test_a_foreign_series_is_a_violation() -> None:
    with pytest.raises(Violation):
        united(block([A, FOREIGN]))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x05hello", id="not snappy"),
        pytest.param(snappy_block.compress(b"\xff"), id="not a message"),
        pytest.param(block([A], [B]), id="of more queries"),
        pytest.param(block(), id="of fewer queries"),
    ],
)
def test_what_is_no_answer_is_none(answer: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        united(answer)


def test_answers_have_a_largest_size_when_decompressed() -> None:
    answer = block([A] * 50)

    with pytest.raises(Failure) as failure:
        united(answer, most=1000)

    assert failure.value.kind == "limit"


def test_shards_are_united_by_the_labels_that_they_answer() -> None:
    here, there = {"job": "a", "cluster": "eu1"}, {"job": "a", "cluster": "us1"}
    one, other = block([there], [here]), block([here], [{"job": "b"}])

    assert read(read_samples.of_shards([one, other], 2, 10_000)) == [
        [(here, 0), (there, 0)],
        [(here, 0), ({"job": "b"}, 0)],
    ]


def test_a_series_in_two_shards_is_refused() -> None:
    with pytest.raises(Uncomputable):
        read_samples.of_shards([block([A]), block([A])], 1, 10_000)


def test_shards_together_are_not_longer_than_permitted() -> None:
    with pytest.raises(Failure, match="buffered_bytes"):
        read_samples.of_shards([block([A]), block([B])], 1, 80)
