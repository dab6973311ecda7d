"""file_sd files become targets as with Prometheus; every error names its place."""

import pytest

from discovery import target
from discovery.file_sd import Broken, parse
from discovery.target import Target


def made(address: str, labels: dict[str, str], source: str) -> Target:
    found = target.make(address, labels, source)
    assert isinstance(found, Target)
    return found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(
            "t.json",
            '[{"targets": ["a:1", "b:1"], "labels": {"shard": "1"}},\n\t{"targets": ["c:1"]}]',
            id="JSON",
        ),
        pytest.param(
            "t.yaml",
            "- targets: ['a:1', b:1]\n  labels: {shard: 1}\n- targets:\n  - c:1\n  labels:\n",
            id="YAML",
        ),
    ],
)
def test_groups_become_targets_in_their_order(name: str, text: str) -> None:
    assert parse(text, name) == (
        made("a:1", {"shard": "1"}, name),
        made("b:1", {"shard": "1"}, name),
        made("c:1", {}, name),
    )


def test_values_stay_as_they_were_written() -> None:
    found = parse("- targets: [a:1]\n  labels: {zone: 1.10, on: no}\n", "t.yml")

    assert found == (made("a:1", {"zone": "1.10", "on": "no"}, "t.yml"),)


@pytest.mark.parametrize("name", ["t.json", "t.yaml"])
def test_a_list_without_groups_has_no_targets(name: str) -> None:
    assert parse("[]", name) == ()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param(
            "t.json",
            '[{"targets":\n ["a:1"} ]',
            "t.json:2:8: not JSON: Expecting ',' delimiter",
            id="JSON syntax",
        ),
        pytest.param("t.json", "", "t.json:1:1: not JSON: Expecting value", id="empty JSON"),
        pytest.param(
            "t.json", "[" * 9999, "t.json: not JSON: nested too deeply", id="hostile JSON"
        ),
        pytest.param(
            "t.json",
            '[{"targets": ["a:1", 5]}]',
            "t.json: $[0].targets[1]: Expected `str`, got `int`",
            id="JSON type",
        ),
        pytest.param(
            "t.yaml",
            "",
            "t.yaml: nothing in it; a list without groups is written []",
            id="empty YAML",
        ),
        pytest.param(
            "t.yaml",
            "- targets: [a:1\n",
            "t.yaml:2:1: not YAML: while parsing a flow sequence, expected ',' or ']', but got "
            "'<stream end>'",
            id="YAML syntax",
        ),
        pytest.param(
            "t.yaml",
            "- targets: [a:1]\n\n- target: [b:1]\n",
            "t.yaml:3: $[1]: Object contains unknown field `target`",
            id="unknown field",
        ),
        pytest.param(
            "t.yaml", "targets: [a:1]\n", "t.yaml:1: $: Expected `array`, got `object`", id="shape"
        ),
        pytest.param(
            "t.yaml",
            "- targets:\n  - a:1\n  - http://b:1\n",
            "t.yaml:3: $[0].targets[1]: 'http://b:1' is not host:port",
            id="address",
        ),
        pytest.param(
            "t.yaml",
            "- targets: [a:1]\n  labels:\n    x: y\n    __scheme__: ftp\n",
            "t.yaml:4: $[0].labels.__scheme__: 'ftp' is neither http nor https",
            id="label",
        ),
    ],
)
def test_a_broken_file_is_broken_as_a_whole_and_says_where(
    name: str, text: str, message: str
) -> None:
    assert parse(text, name) == Broken(message)
