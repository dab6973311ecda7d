"""Write the map of modules in ARCHITECTURE.md again, from the modules' docstrings: `make map`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "ARCHITECTURE.md"
WITHOUT_LINE = {"__init__", "__main__"}


def purpose(module: Path) -> str:
    """Return the first sentence of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(module.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split())


def rows(member: str) -> Iterator[str]:
    """Yield the lines of the table of one member, a path from the root."""
    yield from ("", "| module | what it does |", "|---|---|")
    for module in sorted((ROOT / member / "src").glob("**/*.py")):
        if module.stem not in WITHOUT_LINE and "proto" not in module.parts:
            yield f"| `{module.relative_to(ROOT)}` | {purpose(module)} |"
    yield ""


def main() -> None:
    """Replace what follows each heading that names a member."""
    text = PAGE.read_text()
    for member in re.findall(r"^### `([\w/-]+)`$", text, re.MULTILINE):
        table = "\n".join(rows(member))
        text = re.sub(
            rf"(^### `{member}`\n).*?(?=^##)",
            lambda found, table=table: found[1] + table + "\n",
            text,
            flags=re.MULTILINE | re.DOTALL,
        )
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
