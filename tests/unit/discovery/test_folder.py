"""All folders are followed, each on its own, and problems are logged once."""

import asyncio
from pathlib import Path

import pytest

from discovery import config
from discovery.folder import Folders

A = '[{"targets": ["a:1"]}]'
B = '[{"targets": ["b:1"], "labels": {"__access__": "own"}}]'


async def test_folders_are_followed_and_problems_are_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    changed = asyncio.Event()
    folders = Folders(
        config.FileSd(folders=(str(one), str(other)), reread_seconds=0.1, access="infra"),
        changed.set,
    )

    async def until(expected: tuple[bool, bool, int]) -> None:
        async with asyncio.timeout(5):
            while (folders.read_once, folders.complete, len(folders.targets)) != expected:
                await changed.wait()
                changed.clear()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(folders.run())
        await until((True, False, 0))
        assert folders.unreadable == (f"{other}: No such file or directory",)
        other.mkdir()
        (other / "b.json").write_text(B)
        await until((True, True, 1))
        (one / "a.json").write_text("[")
        await until((True, False, 1))
        (one / "a.json").write_text(A)
        await until((True, True, 2))
        assert [(one.id, one.access) for one in folders.targets] == [
            ("a:1", "infra"),
            ("b:1", "own"),
        ]
        task.cancel()

    assert [(vars(r)["file"], vars(r)["kept"]) for r in caplog.records] == [
        (str(other), 0),
        (str(one / "a.json"), 0),
    ]
