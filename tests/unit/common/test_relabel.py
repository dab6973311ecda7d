"""Relabel rules do what `relabel.Process` of Prometheus does.

`tests/integration/common/test_relabel.py` compares with a scrape of a real Prometheus.
"""

import pytest

from tenantry_common import relabel
from tenantry_common.contracts import Problem, RelabelRule

LABELS = {"__name__": "m", "a": "foo", "b": "bar", "c": "baz"}


def changed(**labels: str) -> dict[str, str]:
    """Return LABELS with some of them set, or removed where the value is empty."""
    return {name: value for name, value in {**LABELS, **labels}.items() if value}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param(
            RelabelRule(source_labels=("a",), regex="f(.*)", target_label="d", replacement="x$1"),
            changed(d="xoo"),
            id="replace",
        ),
        pytest.param(
            RelabelRule(source_labels=("a", "b"), target_label="d"),
            changed(d="foo;bar"),
            id="replace joins with semicolon and takes all",
        ),
        pytest.param(
            RelabelRule(source_labels=("a",), regex="o", target_label="d"),
            LABELS,
            id="replace without match changes nothing",
        ),
        pytest.param(
            RelabelRule(source_labels=("a",), target_label="b", replacement=""),
            changed(b=""),
            id="replace by nothing removes the target",
        ),
        pytest.param(
            RelabelRule(source_labels=("none",), target_label="b"),
            changed(b=""),
            id="replace by an absent label removes the target",
        ),
        pytest.param(
            RelabelRule(target_label="d", replacement="const"),
            changed(d="const"),
            id="replace without source sets a constant",
        ),
        pytest.param(
            RelabelRule(source_labels=("a",), regex="(f).*", target_label="t_${1}"),
            changed(t_f="f"),
            id="replace expands the target",
        ),
        pytest.param(
            RelabelRule(source_labels=("none",), regex="(.*)", target_label="$1"),
            LABELS,
            id="replace with an empty target changes nothing",
        ),
        pytest.param(
            RelabelRule(source_labels=("a",), regex="(f)(o+)", target_label="$1", replacement="$3"),
            LABELS,
            id="replace by nothing removes the expanded target",
        ),
        pytest.param(
            RelabelRule(source_labels=("a",), regex="fo+", action="keep"), LABELS, id="keep"
        ),
        pytest.param(
            RelabelRule(source_labels=("a",), regex="f", action="keep"), None, id="keep drops"
        ),
        pytest.param(
            RelabelRule(source_labels=("a",), regex="foo", action="DROP"),
            None,
            id="drop, in any case of letters",
        ),
        pytest.param(
            RelabelRule(source_labels=("none",), regex="", action="drop"),
            None,
            id="drop by an absent label",
        ),
        pytest.param(
            RelabelRule(source_labels=("a",), target_label="b", action="keepequal"),
            None,
            id="keepequal drops what differs",
        ),
        pytest.param(
            RelabelRule(source_labels=("none",), target_label="other", action="dropequal"),
            None,
            id="dropequal: absent equals absent",
        ),
        pytest.param(
            RelabelRule(source_labels=("a",), target_label="b", action="dropequal"),
            LABELS,
            id="dropequal keeps what differs",
        ),
        pytest.param(
            RelabelRule(source_labels=("c",), target_label="d", action="hashmod", modulus=1000),
            changed(d="976"),
            id="hashmod",
        ),
        pytest.param(
            RelabelRule(regex="(b|c)", replacement="x_$1", action="labelmap"),
            changed(x_b="bar", x_c="baz"),
            id="labelmap copies",
        ),
        pytest.param(
            RelabelRule(regex="[abc]", replacement="same", action="labelmap"),
            changed(same="baz"),
            id="labelmap: the last in order wins",
        ),
        pytest.param(
            RelabelRule(regex="[bc]|nobody", action="labeldrop"),
            changed(b="", c=""),
            id="labeldrop",
        ),
        pytest.param(
            RelabelRule(regex="__name__|a", action="labelkeep"),
            changed(b="", c=""),
            id="labelkeep",
        ),
        pytest.param(
            RelabelRule(regex="none", action="labelkeep"), None, id="nothing left is dropped"
        ),
        pytest.param(
            RelabelRule(source_labels=("a",), target_label="a", action="uppercase"),
            changed(a="FOO"),
            id="uppercase",
        ),
        pytest.param(
            RelabelRule(source_labels=("none",), target_label="a", action="lowercase"),
            changed(a=""),
            id="lowercase of an absent label removes the target",
        ),
    ],
)
def test_one_rule(rule: RelabelRule, expected: dict[str, str] | None) -> None:
    assert relabel.Relabeling([rule]).apply(LABELS) == expected


@pytest.mark.parametrize(
    ("value", "upper", "lower"),
    [
        pytest.param("Straße", "STRAßE", "straße", id="sharp s has no single upper case"),
        pytest.param("ΟΔΟΣ", "ΟΔΟΣ", "οδοσ", id="no final sigma"),
        pytest.param("İ", "İ", "i", id="dotted capital i"),
        pytest.param("ᾳ", "ᾼ", "ᾳ", id="iota subscript"),
        pytest.param("éÀ", "ÉÀ", "éà", id="accents"),
    ],
)
def test_case_is_mapped_one_for_one_as_go_does(value: str, upper: str, lower: str) -> None:
    rules = [
        RelabelRule(source_labels=("v",), target_label="upper", action="uppercase"),
        RelabelRule(source_labels=("v",), target_label="lower", action="lowercase"),
    ]

    assert relabel.Relabeling(rules).apply({"v": value}) == {
        "v": value,
        "upper": upper,
        "lower": lower,
    }


def test_later_rules_see_what_earlier_ones_did() -> None:
    rules = [
        RelabelRule(source_labels=("a", "b"), separator="-", target_label="__tmp_x"),
        RelabelRule(regex="a|b", action="labeldrop"),
        RelabelRule(source_labels=("__tmp_x",), regex="foo-(.+)", target_label="a"),
        RelabelRule(regex="__tmp_.+", action="labeldrop"),
    ]

    assert relabel.Relabeling(rules).apply(LABELS) == {"__name__": "m", "a": "bar", "c": "baz"}


def test_scratch_labels_stay_as_they_do_in_a_scrape() -> None:
    rules = [RelabelRule(target_label="__tmp_x", replacement="1")]

    assert relabel.Relabeling(rules).apply(LABELS) == changed(__tmp_x="1")


def test_labelmap_takes_labels_set_before_it_after_the_others() -> None:
    rules = [
        RelabelRule(target_label="a", replacement="set"),
        RelabelRule(regex="[ab]", replacement="same", action="labelmap"),
    ]

    assert relabel.Relabeling(rules).apply(LABELS) == changed(a="set", same="set")


def test_without_rules_only_empty_labels_go() -> None:
    assert relabel.Relabeling([]).apply({"b": "2", "a": ""}) == {"b": "2"}
    assert relabel.Relabeling([]).apply({"a": ""}) is None


REQUIRES_TARGET = "relabel configuration for {} action requires 'target_label' value"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        pytest.param(RelabelRule(action=""), "relabel action cannot be empty", id="no action"),
        pytest.param(RelabelRule(action="x"), 'unknown relabel action "x"', id="unknown action"),
        pytest.param(
            RelabelRule(target_label="a", regex="("),
            "error parsing regexp: missing ): (",
            id="regex",
        ),
        *(
            pytest.param(
                RelabelRule(action=action, modulus=int(action == "hashmod")),
                REQUIRES_TARGET.format(action),
                id=f"{action} without target",
            )
            for action in ("replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal")
        ),
        pytest.param(
            RelabelRule(action="hashmod", target_label="a"),
            "relabel configuration for hashmod requires non-zero modulus",
            id="no modulus",
        ),
        pytest.param(
            RelabelRule(target_label="$-"),
            "\"$-\" is invalid 'target_label' for replace action",
            id="target with a broken reference",
        ),
        pytest.param(
            RelabelRule(action="labelmap", replacement="1-"),
            "\"1-\" is invalid 'replacement' for labelmap action",
            id="labelmap to no name",
        ),
        pytest.param(
            RelabelRule(action="uppercase", target_label="a", replacement="x"),
            "'replacement' can not be set for uppercase action",
            id="needless replacement",
        ),
        pytest.param(
            RelabelRule(action="keepequal", target_label="a", regex="x"),
            "keepequal action requires only 'source_labels' and `target_label`, and no other fields",
            id="needless regex",
        ),
        pytest.param(
            RelabelRule(action="labeldrop", regex="x", source_labels=("a",)),
            "labeldrop action requires only 'regex', and no other fields",
            id="needless source labels",
        ),
    ],
)
def test_broken_rule_is_named_with_prometheus_words(rule: RelabelRule, message: str) -> None:
    fine = RelabelRule(target_label="a")

    assert relabel.validate([fine, rule], "$.spec.x") == (
        Problem(path="$.spec.x[1]", message=message),
    )
    with pytest.raises(ValueError, match=r"^\$\[0\]: "):
        relabel.Relabeling([rule])
