"""What is not certainly a list or an event is an error."""

import json
from typing import Any

import pytest

from tenantry_common.kubernetes import Failed, Gone
from tenantry_common.kubernetes_answers import read_event, read_list

ITEM = {"metadata": {"name": "a"}}


def test_a_page_has_items_a_version_and_the_token_of_the_next() -> None:
    page = {"kind": "PodList", "metadata": {"resourceVersion": "5", "continue": "x"}}

    assert read_list({**page, "items": [ITEM]}) == ([ITEM], "5", "x")


def test_no_items_are_written_in_two_ways() -> None:
    page = {"kind": "PodList", "metadata": {"resourceVersion": "5"}}

    assert read_list({**page, "items": []}) == read_list({**page, "items": None}) == ([], "5", "")


@pytest.mark.parametrize(
    "page",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"kind": "Pod", "metadata": {"resourceVersion": "5"}, "items": []}, id="kind"),
        pytest.param({"kind": "PodList", "metadata": {"resourceVersion": "5"}}, id="no items"),
        pytest.param({"kind": "PodList", "metadata": {}, "items": []}, id="no version"),
        pytest.param({"metadata": {"resourceVersion": ""}, "items": []}, id="empty version"),
        pytest.param({"metadata": {"resourceVersion": "5"}, "items": {}}, id="items"),
        pytest.param({"metadata": {"resourceVersion": "5"}, "items": [1]}, id="an item"),
        pytest.param({"metadata": None, "items": []}, id="no metadata"),
    ],
)
def test_what_is_no_list_is_refused(page: dict[str, Any]) -> None:
    with pytest.raises(Failed) as raised:
        read_list(page)

    assert raised.value.reason == "NoList"


def test_a_status_is_what_it_says() -> None:
    with pytest.raises(Gone, match="410 Expired: too old"):
        read_list({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})


@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"])
def test_an_event_has_a_type_and_an_object(kind: str) -> None:
    assert read_event(json.dumps({"type": kind, "object": ITEM}).encode()) == (kind, ITEM)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'{"type": "ADDED", "obj', id="cut"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"type": "ADDED"}', id="no object"),
        pytest.param(b'{"type": "ADDED", "object": {}}', id="no name"),
        pytest.param(b'{"type": "BOOKMARK", "object": {}}', id="no version"),
        pytest.param(b'{"type": "NEW", "object": {"metadata": {"name": "a"}}}', id="unknown"),
    ],
)
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(Failed) as raised:
        read_event(line)

    assert raised.value.reason == "NoEvent"
