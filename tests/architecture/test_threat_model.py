"""Every promise of the threat model names tests, and these exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "THREAT_MODEL.md").read_text()


def functions_in(path: Path) -> set[str]:
    if not path.exists():
        return set()
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)

    assert len(named) > 50
    assert [
        f"{file}::{name}" for file, name in named if name not in functions_in(ROOT / file)
    ] == []


def test_every_promise_names_a_test() -> None:
    promises = re.findall(
        r"^\| (?!promise|-)(.+?) \| (.*) \|$", TEXT.partition("## 1.")[2], re.MULTILINE
    )

    assert len(promises) > 30
    assert [promise for promise, tests in promises if "`tests/" not in tests] == []
