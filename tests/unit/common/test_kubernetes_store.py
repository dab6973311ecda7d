"""The newest state that was seen of an object is what counts, of deleted ones too."""

from typing import Any

import pytest

from tenantry_common.kubernetes_store import Change, Store

KEY = ("shop", "a")


def item(version: str, uid: str = "1", **more: Any) -> dict[str, Any]:
    metadata = {"namespace": "shop", "name": "a", "resourceVersion": version, "uid": uid}
    return {"metadata": metadata, **more}


def kinds(changes: tuple[Change, ...]) -> list[tuple[str, str]]:
    return sorted((change.kind, change.key[1]) for change in changes)


def test_a_list_says_what_was_added_changed_and_removed() -> None:
    other = {"metadata": {"name": "b", "namespace": "shop", "resourceVersion": "3"}}
    store = Store()

    assert kinds(store.replace([item("1"), other], "5")) == [("added", "a"), ("added", "b")]
    assert kinds(store.replace([item("7"), other], "8")) == [("changed", "a")]
    assert kinds(store.replace([other], "9")) == [("removed", "a")]
    assert kinds(store.replace([], "10")) == [("removed", "b")]


def test_an_object_that_did_not_change_stays_the_same_one() -> None:
    store = Store()
    first = item("1")
    store.replace([first], "5")

    assert store.replace([item("1")], "9") == ()
    assert store.objects[KEY] is first


def test_an_object_made_again_under_its_name_has_changed() -> None:
    store = Store()
    store.replace([item("1", "old")], "5")

    assert kinds(store.replace([item("1", "new")], "9")) == [("changed", "a")]


def test_a_change_has_both_states() -> None:
    store = Store()
    one, two = item("1"), item("7")
    store.replace([one], "5")

    assert store.put(two) == Change("changed", KEY, one, two)
    assert store.remove(item("8")) == Change("removed", KEY, two, None)
    assert store.objects == {}


@pytest.mark.parametrize(
    ("events", "left"),
    [
        pytest.param([("put", "7"), ("put", "6")], "7", id="an older state"),
        pytest.param([("put", "7"), ("put", "7")], "7", id="the same twice"),
        pytest.param([("put", "4")], None, id="a state from before the list"),
        pytest.param([("put", "7"), ("remove", "6")], "7", id="an older end"),
        pytest.param([("remove", "9"), ("put", "8")], None, id="a state from before the end"),
        pytest.param([("put", "7"), ("remove", "9"), ("remove", "9")], None, id="two ends"),
        pytest.param([("remove", "9"), ("put", "10")], "10", id="made again"),
        pytest.param([("put", "99"), ("put", "100")], "100", id="versions are numbers"),
    ],
)
def test_old_news_are_none(events: list[tuple[str, str]], left: str | None) -> None:
    store = Store()
    store.replace([], "5")

    for what, version in events:
        store.put(item(version)) if what == "put" else store.remove(item(version))

    assert store.objects == ({KEY: item(left)} if left else {})


def test_a_newer_end_counts_whatever_was_seen_of_the_object() -> None:
    store = Store()
    store.replace([item("4", "old")], "5")

    assert kinds(tuple(filter(None, [store.remove(item("8", "new"))]))) == [("removed", "a")]


def test_versions_that_are_no_numbers_are_believed_as_they_come() -> None:
    store = Store()
    store.replace([item("z")], "…")

    assert store.put(item("a")) is not None
    assert store.remove(item("b", "another uid")) is None
    assert store.remove(item("b")) is not None


def test_managed_fields_are_not_kept() -> None:
    store = Store()
    sent = item("1")
    sent["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    store.replace([sent], "5")

    assert store.objects[KEY] == item("1")
