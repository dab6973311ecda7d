"""An index holds of each source what was put last."""

from receiver.federate.formats import Key
from receiver.federate.index import Index, Source
from tenantry_common.subjects import JobRef

A: Source = (JobRef("t", "j"), "a")
B: Source = (JobRef("t", "j"), "b")
UP, DOWN = Key("up", "up"), Key("down", "down")


def test_what_is_put_again_replaces_what_was_there() -> None:
    index = Index()
    index.put(A, {UP: b"1", DOWN: b"2"})
    index.put(B, {UP: b"3"})
    index.put(A, {UP: b"4"})

    assert list(index) == [UP]
    assert dict(index.of(UP, None)) == {A: b"4", B: b"3"}


def test_nothing_removes_a_source() -> None:
    index = Index()
    index.put(A, {UP: b"1"})
    index.put(A, {})
    index.put(A, {})

    assert list(index) == []
    assert dict(index.of(UP, None)) == {}


def test_sources_can_be_chosen() -> None:
    index = Index()
    index.put(A, {UP: b"1"})
    index.put(B, {UP: b"2"})

    assert dict(index.of(UP, lambda source: source == B)) == {B: b"2"}


def test_families_stand_together() -> None:
    index = Index()
    index.put(A, {Key("h", "h_sum"): b"", Key("h_b", "h_b"): b"", Key("h", "h_count"): b""})

    assert [key.family for key in index] == ["h", "h", "h_b"]
