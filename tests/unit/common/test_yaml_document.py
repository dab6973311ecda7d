"""What people wrote becomes a value with lines, or one error with its place."""

import itertools

import pytest

from tenantry_common.yaml_document import Document, Malformed, read


def test_every_path_knows_its_line() -> None:
    text = "kind: A\nspec:\n  metrics:\n    - up\n    - x: 1\n"

    assert read(text) == Document(
        {"kind": "A", "spec": {"metrics": ["up", {"x": 1}]}},
        {
            "$": 1,
            "$.kind": 1,
            "$.spec": 2,
            "$.spec.metrics": 3,
            "$.spec.metrics[0]": 4,
            "$.spec.metrics[1]": 5,
            "$.spec.metrics[1].x": 5,
        },
    )


@pytest.mark.parametrize(
    ("path", "line"),
    [
        pytest.param("$.spec.metrics[1]", 14, id="what exists"),
        pytest.param("$.spec.metrics[7]", 12, id="an item that does not exist: the list"),
        pytest.param("$.spec.lookback.x", 11, id="a field that does not exist: its parent"),
        pytest.param("$.status", 10, id="nothing around it: the document"),
    ],
)
def test_a_line_is_found_for_any_path(path: str, line: int) -> None:
    document = read("a: 1\nspec:\n  metrics:\n    - up\n    - x\n", first_line=10)

    assert isinstance(document, Document)
    assert document.line(path) == line


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("", None, id="nothing"),
        pytest.param("# only a comment\n", None, id="only a comment"),
        pytest.param("2024-01-01", "2024-01-01", id="a date stays text"),
        pytest.param("12:30", "12:30", id="a time of day stays text"),
        pytest.param("=", "=", id="an equals sign is text"),
        pytest.param("9090", 9090, id="integer"),
        pytest.param("-0x1F", -31, id="hexadecimal"),
        pytest.param("1.5e3", 1500.0, id="float"),
        pytest.param("1.2.3", "1.2.3", id="a version stays text"),
        pytest.param("yes", True, id="yes, as Kubernetes reads it"),
        pytest.param("~", None, id="null"),
        pytest.param('{"a": ["x", true]}', {"a": ["x", True]}, id="JSON"),
        pytest.param("{a: &x [1], b: *x}", {"a": [1], "b": [1]}, id="alias"),
        pytest.param("{<<: {a: 1, b: 1}, b: 2}", {"a": 1, "b": 2}, id="merge key"),
    ],
)
def test_scalars_are_what_kubernetes_makes_of_them(text: str, value: object) -> None:
    document = read(text)

    assert isinstance(document, Document)
    assert document.value == value


def test_plain_scalars_stay_as_they_were_written() -> None:
    document = read("{a: 1.10, b: yes, c: ~, d: 0x1F, 1: x}", plain=True)

    assert isinstance(document, Document)
    assert document.value == {"a": "1.10", "b": "yes", "c": None, "d": "0x1F", "1": "x"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: 1\na: 2", (2, 1, "the key 'a' stands twice"), id="key twice"),
        pytest.param(
            "a: [",
            (
                1,
                5,
                "while parsing a flow node, expected the node content, but found '<stream end>'",
            ),
            id="unfinished",
        ),
        pytest.param("a: \x01", (1, 4, "character #x0001"), id="control character"),
        pytest.param("1: 2", (1, 1, "the key 1 is not a string"), id="key is a number"),
        pytest.param("? [a]\n: b", (1, 3, "a key must be a plain string"), id="key is a list"),
        pytest.param(
            "a: !!timestamp 2024-01-01",
            (1, 4, "a value with the tag 'tag:yaml.org,2002:timestamp' is not supported"),
            id="explicit tag",
        ),
        pytest.param(
            "a: !!int x",
            (1, 4, "invalid literal for int() with base 10: 'x'"),
            id="tag and value disagree",
        ),
        pytest.param(
            'a: "\\ud800"', (1, 4, "the text is not valid Unicode"), id="half a character"
        ),
        pytest.param("[" * 5000, (1, 1, "nested too deeply"), id="nested too deeply"),
        pytest.param("&a [*a]", (1, 1, "nested too deeply"), id="contains itself"),
        pytest.param(
            "a: 1\n---\nb: 2",
            (2, 1, "expected a single document in the stream, but found another document"),
            id="two documents",
        ),
    ],
)
def test_what_is_no_document_is_one_error_with_its_place(
    text: str, expected: tuple[int, int, str]
) -> None:
    assert read(text) == Malformed(*expected)


def test_a_document_that_grows_through_its_aliases_is_refused() -> None:
    names = "abcdefg"
    lines = [f"a: &a [{', '.join('1' * 10)}]"]
    lines += [
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in itertools.pairwise(names)
    ]

    found = read("\n".join(lines))

    assert isinstance(found, Malformed)
    assert found.message == "more than 200000 values"
