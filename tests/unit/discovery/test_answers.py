"""The bodies of the status endpoints, as real servers write them, and others."""

import json

import pytest

from discovery import answers
from tenantry_common.contracts import HOLDS_NOTHING

CONFIG = """\
global:
  scrape_interval: 5s
  external_labels:
    cluster: eu1
    number: "1"
    text: 'x: y'

  # a comment
  evaluation_interval: 1m
rule_files:
- global: nothing
scrape_configs: {broken: [
"""


def config(text: str) -> bytes:
    return json.dumps({"status": "success", "data": {"yaml": text}}).encode()


def test_the_version_is_read() -> None:
    body = b'{"status":"success","data":{"version":"2.42.0+ds","goVersion":"go1.19.8"}}'

    assert answers.version(body) == "2.42.0+ds"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param({"enable-feature": "a,b, c"}, {"a", "b", "c"}, id="several"),
        pytest.param({"enable-feature": ""}, set(), id="none"),
        pytest.param({"log.level": "info"}, set(), id="not told"),
    ],
)
def test_the_feature_flags_are_read(data: dict[str, str], expected: set[str]) -> None:
    body = json.dumps({"status": "success", "data": data}).encode()

    assert answers.features(body) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(CONFIG, {"cluster": "eu1", "number": "1", "text": "x: y"}, id="all text"),
        pytest.param("global:\n  scrape_interval: 5s\n", {}, id="none"),
        pytest.param("scrape_configs: []\n", {}, id="no global section"),
        pytest.param("", {}, id="empty"),
        pytest.param("a: 1\nglobal: {external_labels: {x: y}}\n", {"x": "y"}, id="not first"),
    ],
)
def test_external_labels_are_read_from_the_global_section(
    text: str, expected: dict[str, str]
) -> None:
    assert answers.external_labels(config(text)) == expected


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>sign in</html>", id="a page"),
        pytest.param(b"\xff", id="not text"),
        pytest.param(b'{"status":"success"}', id="no data"),
        pytest.param(config("global: [\n"), id="not YAML"),
        pytest.param(config("global: 5\n"), id="another shape"),
        pytest.param(config("global:\n  external_labels: {a: [1]}\n"), id="label is a list"),
        pytest.param(config("global:\n" + " [" * 5000), id="hostile"),
    ],
)
def test_anything_else_is_unexpected(body: bytes) -> None:
    with pytest.raises(answers.Unexpected):
        answers.external_labels(body)


def test_the_start_of_the_process_is_read_as_it_says_it() -> None:
    body = b'{"status":"success","data":{"startTime":"2026-11-21T19:01:14.876966201Z","CWD":"/"}}'

    assert answers.started(body) == "2026-11-21T19:01:14.876966201Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("1.700000000123e+12", 1_700_000_000_123, id="a time"),
        pytest.param("9.223372036854776e+18", HOLDS_NOTHING, id="an empty database"),
        pytest.param("-5", -5, id="before the epoch"),
    ],
)
def test_the_oldest_sample_is_found_among_the_metrics(text: str, expected: int) -> None:
    name = "prometheus_tsdb_lowest_timestamp"
    body = f"# HELP {name} Lowest.\n# TYPE {name} gauge\n{name} {text}\n{name}_seconds 1\n"

    assert answers.oldest_ms(body.encode()) == expected


@pytest.mark.parametrize("body", [b"", b"prometheus_tsdb_lowest_timestamp e", b"<html>"])
def test_metrics_without_the_oldest_sample_are_not_taken_for_any(body: bytes) -> None:
    with pytest.raises(answers.Unexpected):
        answers.oldest_ms(body)
