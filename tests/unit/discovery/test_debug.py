"""The page shows every file with its problem and every target with what became of it."""

import msgspec
import pytest

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
        problems=("p",),
        warnings=("w",),
        targets=targets,
        backends={"a:1": backend},
        seen={"a:1": 1700000000.9},
    )

    assert page == {
        "leading": True,
        "files": [
            {"file": "d/a.json", "targets": 2, "problem": ""},
            {"file": "d/b.json", "targets": 0, "problem": "broken"},
        ],
        "problems": ("p",),
        "warnings": ("w",),
        "targets": [
            {
                "id": "a:1",
                "url": "http://a:1",
                "healthy": False,
                "last_seen": "2023-11-14T22:13:20Z",
                "source": "d/a.json",
                "unready": "",
                "backend": msgspec.to_builtins(backend),
            },
            {
                "id": "b:1",
                "url": "http://b:1",
                "healthy": False,
                "last_seen": None,
                "source": "d/a.json",
                "unready": "",
                "backend": None,
            },
        ],
    }


@pytest.mark.parametrize(
    ("problems", "expected"),
    [
        pytest.param((), {"status": "healthy", "reason": ""}, id="all is well"),
        pytest.param(("a", "b"), {"status": "degraded", "reason": "a; b"}, id="something is not"),
    ],
)
def test_health_counts_targets(problems: tuple[str, ...], expected: dict[str, str]) -> None:
    up = Backend(id="a:1", url="http://a:1", ha_set="x", healthy=True)
    down = Backend(id="b:1", url="http://b:1", ha_set="x")

    assert debug.health(
        problems=problems,
        targets={id_: at(id_) for id_ in ("a:1", "b:1", "c:1")},
        backends={"a:1": up, "b:1": down},
    ) == {**expected, "total_targets": 3, "healthy_targets": 1}
