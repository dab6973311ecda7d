"""What the files of a folder list now, and what of it is kept while they are broken."""

from discovery import target
from discovery.files import File, read
from discovery.target import Target
from tenantry_common.contents import Unreadable


def at(address: str, source: str) -> Target:
    made = target.make(address, {}, source)
    assert isinstance(made, Target)
    return made


A = '[{"targets": ["a:1"]}]'
B = '[{"targets": ["b:1"]}]'


def test_a_broken_file_keeps_its_last_targets_and_the_others_go_on() -> None:
    before = read({}, "d", {"d/a.json": A, "d/b.json": B})

    now = read(before, "d", {"d/a.json": "[", "d/b.json": A})

    assert now == {
        "d/a.json": File((at("a:1", "d/a.json"),), "d/a.json:1:2: not JSON: Expecting value"),
        "d/b.json": File((at("a:1", "d/b.json"),)),
    }


def test_a_file_that_was_broken_from_the_start_has_no_targets() -> None:
    assert read({}, "d", {"d/a.json": Unreadable("Permission denied")}) == {
        "d/a.json": File(None, "d/a.json: Permission denied")
    }


def test_a_deleted_file_takes_its_targets_with_it() -> None:
    before = read({}, "d", {"d/a.json": A, "d/b.json": B})

    assert read(before, "d", {"d/b.json": B}) == {"d/b.json": File((at("b:1", "d/b.json"),))}


def test_a_folder_that_vanishes_keeps_everything_until_it_is_back() -> None:
    before = read({}, "d", {"d/a.json": A})

    lost = read(before, "d", Unreadable("No such file or directory"))

    assert lost == {
        "d": File(None, "d: No such file or directory"),
        "d/a.json": File((at("a:1", "d/a.json"),)),
    }
    assert read(lost, "d", {}) == {}
