"""Label selectors mean what they mean to the API server."""

import pytest

from tenant_controller import label_selector
from tenant_controller.label_selector import Invalid

LABELS = {"tier": "prod", "team": "a", "example.org/x": ""}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        pytest.param("", True, id="nothing is asked"),
        pytest.param("tier=prod", True, id="equal"),
        pytest.param("tier==prod", True, id="equal, written twice"),
        pytest.param("tier=dev", False, id="another value"),
        pytest.param("tier!=dev", True, id="not equal"),
        pytest.param("absent!=x", True, id="an absent label is not equal"),
        pytest.param("absent=", False, id="an absent label is not empty"),
        pytest.param("example.org/x=", True, id="an empty value"),
        pytest.param("tier in (dev, prod)", True, id="one of"),
        pytest.param("tier in (dev,test)", False, id="none of"),
        pytest.param("tier notin (dev,test)", True, id="not one of"),
        pytest.param("absent notin (x)", True, id="an absent label is not one of"),
        pytest.param("tier", True, id="there"),
        pytest.param("absent", False, id="not there"),
        pytest.param("!absent", True, id="absent"),
        pytest.param("! tier", False, id="not absent"),
        pytest.param("tier in (prod, dev),team=a,!absent", True, id="all of them"),
        pytest.param("tier=prod,team=b", False, id="all but one"),
    ],
)
def test_labels_are_selected(text: str, selected: bool) -> None:
    assert label_selector.matches(label_selector.parse(text), LABELS) is selected


@pytest.mark.parametrize(
    "text",
    [
        "a b",
        "a in",
        "a in b",
        "a in (b",
        "=x",
        "a=b=c",
        "-a=x",
        "a=-x",
        ",",
        "a=x,,b=y",
        "a in (b!)",
    ],
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        label_selector.parse(text)
