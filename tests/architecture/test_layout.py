"""The tree is what ARCHITECTURE.md and the house style say it is."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = sorted(p.name for p in (ROOT / "services").iterdir() if p.is_dir())
MODULES = sorted(
    path
    for folder in ("libs", "services", "cli")
    for path in (ROOT / folder).glob("**/src/**/*.py")
    if "proto" not in path.parts
)
# Wiring and declarations: they are exercised by the integration and end-to-end tests of their
# member, and have nothing to assert on their own.
WITHOUT_OWN_TEST = {"__init__", "__main__", "app", "metrics", "config", "errors", "testing"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def member(path: Path) -> str:
    package = path.relative_to(ROOT).parts[path.relative_to(ROOT).parts.index("src") + 1]
    return package.removeprefix("tenantry_")


def test_every_service_has_the_same_four_files() -> None:
    missing = [
        f"{service}/{file}.py"
        for service in SERVICES
        for file in ("__main__", "config", "app", "metrics")
        if not list((ROOT / "services" / service).glob(f"src/*/{file}.py"))
    ]

    assert missing == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_is_short_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text()

    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(text)), "a module's docstring is its responsibility"


@pytest.mark.parametrize("path", [p for p in MODULES if p.stem not in WITHOUT_OWN_TEST], ids=name)
def test_a_module_has_a_test_of_its_name(path: Path) -> None:
    found = [
        test
        for kind in ("unit", "integration")
        for test in (ROOT / "tests" / kind / member(path)).glob(f"**/test_{path.stem}.py")
    ]

    assert found, f"tests/unit/{member(path)}/test_{path.stem}.py is missing"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_public_things_are_documented(path: Path) -> None:
    undocumented = [
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]

    assert undocumented == []


def test_the_map_names_every_module_and_no_other() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = set(re.findall(r"`((?:libs|services|cli)/[\w./-]+\.py)`", text))
    existing = {name(path) for path in MODULES if path.stem not in {"__init__", "__main__"}}

    assert (named - existing, existing - named) == (set(), set())


def test_names_on_nats_are_spelt_once() -> None:
    spelling = re.compile(r"""["'](?:samples\.|rejects\.|\$KV\.|member\.|leader\.|KV_)""")
    elsewhere = [
        name(path)
        for path in MODULES
        if path.name != "subjects.py" and spelling.search(path.read_text())
    ]

    assert elsewhere == []
