"""The page shows every file with its problem and every target with what became of it."""

from discovery import debug, target
from discovery.files import File
from discovery.target import Target
from tenantry_common.contracts import Backend


def at(address: str) -> Target:
    made = target.make(address, {}, "d/a.json")
    assert isinstance(made, Target)
    return made


def test_the_page_is_complete() -> None:
    targets = {"a:1": at("a:1"), "b:1": at("b:1")}
    backend = Backend(id="a:1", url="http://a:1", ha_set="x", reason="down")

    page = debug.page(
        leading=True,
        files={"d/a.json": File(tuple(targets.values())), "d/b.json": File(None, "broken")},
        warnings=("w",),
        targets=targets,
        backends={"a:1": backend},
    )

    assert page == {
        "leading": True,
        "files": [
            {"file": "d/a.json", "targets": 2, "problem": ""},
            {"file": "d/b.json", "targets": 0, "problem": "broken"},
        ],
        "warnings": ("w",),
        "targets": [
            {
                "id": "a:1",
                "source": "d/a.json",
                "backend": {
                    "schema": 1,
                    "id": "a:1",
                    "url": "http://a:1",
                    "ha_set": "x",
                    "role": "replica",
                    "external_labels": {},
                    "replica_labels": {},
                    "labels": {},
                    "version": "",
                    "traits": {
                        "major": 0,
                        "label_replace_keeps_histograms": False,
                        "delayed_name_removal": False,
                        "experimental_functions": False,
                    },
                    "healthy": False,
                    "reason": "down",
                },
            },
            {"id": "b:1", "source": "d/a.json", "backend": None},
        ],
    }
