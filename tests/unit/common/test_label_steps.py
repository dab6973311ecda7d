import pytest

from tenantry_common import label_steps
from tenantry_common.contracts import LabelSteps, SecretRef

SALT = b"a-unique-value"
SALT_REF = SecretRef(name="edge", key="salt")
UP = {"__name__": "up", "instance": "10.0.0.1:9090", "job": "api"}


def test_the_digest_of_a_value_is_the_one_that_telemeter_makes() -> None:
    assert label_steps.digested("10.0.0.1:9090", SALT) == "lzWa1xBtjO-Y"


@pytest.mark.parametrize(
    ("step", "labels", "expected"),
    [
        pytest.param(
            label_steps.elide(("job", "pod")), UP, {"__name__": "up", "instance": "10.0.0.1:9090"},
            id="elide drops what is there and does not miss what is not",
        ),
        pytest.param(
            label_steps.add({"_id": "a", "job": "x"}), UP, {**UP, "_id": "a", "job": "x"},
            id="an added label replaces the series' own",
        ),
        pytest.param(
            label_steps.add({"_id": "a", "job": "x"}, honor=True), UP, {**UP, "_id": "a"},
            id="an honoured label stays",
        ),
        pytest.param(
            label_steps.add({"job": "x"}, honor=True), {"__name__": "up", "job": ""},
            {"__name__": "up", "job": "x"},
            id="an empty label is absent and cannot be honoured",
        ),
        pytest.param(
            label_steps.add({"job": ""}), UP, UP, id="adding an empty value changes nothing",
        ),
        pytest.param(
            label_steps.rename({"up": "alive", "alive": "dead"}), UP, {**UP, "__name__": "alive"},
            id="renaming looks at a name once",
        ),
        pytest.param(
            label_steps.anonymise(("instance",), SALT), UP, {**UP, "instance": "lzWa1xBtjO-Y"},
            id="anonymise replaces the value",
        ),
        pytest.param(
            label_steps.anonymise(("instance", "pod"), SALT), {"instance": ""}, {"instance": ""},
            id="an empty value stays, an absent label stays absent",
        ),
    ],
)  # fmt: skip
def test_each_step(
    step: label_steps.Step, labels: dict[str, str], expected: dict[str, str]
) -> None:
    before = dict(labels)

    assert step(labels) == expected
    assert labels == before


def test_all_steps_in_one_follow_their_order_and_sort() -> None:
    steps = LabelSteps(
        elide=("job",), rename={"up": "alive"}, anonymise=("instance", "site"), salt=SALT_REF
    )
    apply = label_steps.compile(steps, SALT, added={"site": "10.0.0.1:9090", "job": "edge"})

    result = apply({"zone": "", **UP})

    assert list(result.items()) == [
        ("__name__", "alive"),
        ("instance", "lzWa1xBtjO-Y"),
        ("job", "edge"),
        ("site", "lzWa1xBtjO-Y"),
    ]


def test_no_steps_only_sort_and_drop_what_is_empty() -> None:
    apply = label_steps.compile(LabelSteps())

    assert list(apply({"b": "2", "c": "", "a": "1"}).items()) == [("a", "1"), ("b", "2")]


@pytest.mark.parametrize(
    ("steps", "where"),
    [
        pytest.param(LabelSteps(elide=("a", "__name__")), "$.s.elide[1]", id="name elided"),
        pytest.param(LabelSteps(elide=("",)), "$.s.elide[0]", id="no label name"),
        pytest.param(
            LabelSteps(anonymise=("__name__",), salt=SALT_REF),
            "$.s.anonymise[0]",
            id="name anonymised",
        ),
        pytest.param(LabelSteps(rename={"up": ""}), "$.s.rename.up", id="renamed to nothing"),
        pytest.param(LabelSteps(rename={"": "up"}), "$.s.rename.", id="nothing renamed"),
        pytest.param(LabelSteps(anonymise=("a",)), "$.s.salt", id="no salt"),
    ],
)
def test_steps_that_cannot_be_are_found_and_not_compiled(steps: LabelSteps, where: str) -> None:
    assert [problem.path for problem in label_steps.validate(steps, "$.s")] == [where]
    with pytest.raises(ValueError, match=r"^\$"):
        label_steps.compile(steps, SALT)


def test_an_empty_salt_is_refused() -> None:
    steps = LabelSteps(anonymise=("instance",), salt=SALT_REF)

    with pytest.raises(ValueError, match="salt is empty"):
        label_steps.compile(steps, label_steps.salt_of(" \n"))


def test_a_salt_is_read_without_the_white_space_around_it() -> None:
    assert label_steps.salt_of("a-unique-value\n") == SALT


def test_what_is_required_and_missing_or_empty_is_told() -> None:
    assert label_steps.missing({"a": "1", "b": ""}, ("a", "b", "c")) == ("b", "c")
