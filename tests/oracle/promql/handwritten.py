"""The hand-written queries: `queries/<category>.promql`, one query in a line."""

from pathlib import Path

_FOLDER = Path(__file__).parent / "queries"


def queries() -> dict[str, tuple[str, ...]]:
    """Return the queries of each category. A line that starts with `# ` is a remark."""
    return {
        path.stem: tuple(
            line
            for line in path.read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("# ")
        )
        for path in sorted(_FOLDER.glob("*.promql"))
    }
