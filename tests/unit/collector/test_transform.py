"""What becomes of a series: permission, replica labels, relabelling, extra labels, order."""

import pytest

from collector.testing import backend, job
from collector.transform import Drop, Outcome, Transform
from tenantry_common import remote_write
from tenantry_common.contracts import LabelSteps, Matcher, RelabelRule, SecretRef

BACKEND = backend("http://a", external_labels={"cluster": "eu1"}, replica_labels={"replica": "a"})
UP = {"__name__": "up", "cluster": "eu1", "job": "node", "replica": "a"}
EVERYTHING = ((),)


def outcome(labels: dict[str, str], rules: object = EVERYTHING, **fields: object) -> Outcome:
    transform = Transform(job(rules, **fields), BACKEND)  # type: ignore[arg-type]  # rules of any shape
    return transform(remote_write.encode_labels(labels))


@pytest.mark.parametrize(
    ("rule", "permitted"),
    [
        pytest.param([Matcher("job", "=", "node")], True, id="stored label"),
        pytest.param([Matcher("job", "=", "other")], False, id="wrong value"),
        pytest.param([Matcher("cluster", "=", "eu1")], False, id="external label"),
        pytest.param([Matcher("cluster", "=~", ".+")], False, id="external label, by expression"),
        pytest.param([Matcher("replica", "=", "a")], False, id="replica label"),
        pytest.param([Matcher("cluster", "=", "")], True, id="external labels are not stored"),
        pytest.param([], True, id="everything"),
    ],
)
def test_permission_rests_on_stored_labels(rule: list[Matcher], permitted: bool) -> None:
    result = outcome(UP, [tuple(rule)])

    assert (result is not Drop.FORBIDDEN) is permitted


def test_label_that_only_shares_the_external_label_name_is_stored() -> None:
    labels = {**UP, "cluster": "us1"}

    assert outcome(labels, [(Matcher("cluster", "=", "us1"),)]) != Drop.FORBIDDEN


def test_replica_label_goes_and_external_labels_stay() -> None:
    assert outcome(UP) == remote_write.encode_labels(
        {"__name__": "up", "cluster": "eu1", "job": "node"}
    )


def test_label_with_another_value_than_the_replica_label_stays() -> None:
    labels = {**UP, "replica": "mine"}

    assert outcome(labels) == remote_write.encode_labels(labels)


@pytest.mark.parametrize(
    ("honor_labels", "expected"),
    [
        pytest.param(False, "extra", id="extra label wins"),
        pytest.param(True, "node", id="own label wins"),
    ],
)
def test_extra_labels(honor_labels: bool, expected: str) -> None:
    result = outcome(UP, extra_labels={"job": "extra", "new": "1"}, honor_labels=honor_labels)

    assert result == remote_write.encode_labels(
        {"__name__": "up", "cluster": "eu1", "job": expected, "new": "1"}
    )


def test_relabelling_sees_no_replica_label_and_comes_before_extra_labels() -> None:
    relabelings = (
        RelabelRule(source_labels=("replica", "extra"), target_label="seen", regex=".+;.*"),
        RelabelRule(source_labels=("job",), target_label="extra", replacement="x_$1"),
    )

    result = outcome(UP, relabelings=relabelings, extra_labels={"extra": "e"}, honor_labels=True)

    assert result == remote_write.encode_labels(
        {"__name__": "up", "cluster": "eu1", "job": "node", "extra": "x_node"}
    )


def test_series_dropped_by_relabelling() -> None:
    drop = RelabelRule(source_labels=("job",), regex="node", action="drop")
    nothing_left = RelabelRule(regex=".*", action="labeldrop")

    assert outcome(UP, relabelings=(drop,)) == Drop.RELABELLED
    assert outcome(UP, relabelings=(nothing_left,)) == Drop.RELABELLED


def test_output_is_sorted_and_without_empty_labels() -> None:
    encoded = (
        b"\x0a\x06\x0a\x01z\x12\x01z" + b"\x0a\x05\x0a\x01m\x12\x00" + b"\x0a\x06\x0a\x01a\x12\x01a"
    )

    assert Transform(job(), BACKEND)(encoded) == remote_write.encode_labels({"a": "a", "z": "z"})


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(b"\x0a\x06\x0a\x01a\x12\x01a" * 2, id="a name twice"),
        pytest.param(b"\x0a\x06\x0a\x01a\x12\x01\xff", id="not UTF-8"),
    ],
)
def test_labels_that_cannot_be_read_are_dropped(encoded: bytes) -> None:
    assert Transform(job(), BACKEND)(encoded) == Drop.UNREADABLE


def test_version_changes_with_the_job_and_with_the_labels_of_the_source() -> None:
    relabelled = backend("http://a", external_labels={"cluster": "eu2"})
    versions = {
        Transform(job(), BACKEND).version,
        Transform(job(digest="2"), BACKEND).version,
        Transform(job(), relabelled).version,
        Transform(job(), backend("http://b", "b")).version,
    }

    assert len(versions) == 4
    assert Transform(job(), BACKEND).version in versions


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"relabelings": (RelabelRule(action="nonsense"),)}, id="relabelings"),
        pytest.param({"rules": ((Matcher("x", "=~", "("),),)}, id="rules"),
    ],
)
def test_broken_job_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"nonsense|does not compile"):
        Transform(job(**fields), BACKEND)  # type: ignore[arg-type]  # a table of fields


SALT = b"a-unique-value"
STEPS = LabelSteps(
    elide=("job",),
    rename={"up": "alive"},
    anonymise=("cluster",),
    salt=SecretRef(name="edge", key="salt"),
)


def test_steps_come_after_relabelling_and_around_extra_labels() -> None:
    relabel = RelabelRule(source_labels=("job",), target_label="was", regex="(.+)")
    wanted = job(steps=STEPS, relabelings=(relabel,), extra_labels={"job": "edge"})

    changed = Transform(wanted, BACKEND, SALT)(remote_write.encode_labels(UP))

    assert changed == remote_write.encode_labels(
        {"__name__": "alive", "cluster": "MVm12p4Y8F92", "job": "edge", "was": "node"}
    )


def test_another_salt_is_another_version_and_neither_shows_it() -> None:
    one, other = (Transform(job(steps=STEPS), BACKEND, salt).version for salt in (SALT, b"other"))

    assert one != other
    assert str(one) != str(other)
    assert SALT.decode() not in f"{one!r} {one}"


def test_nothing_is_collected_without_a_salt() -> None:
    with pytest.raises(ValueError, match="salt is empty"):
        Transform(job(steps=STEPS), BACKEND)
