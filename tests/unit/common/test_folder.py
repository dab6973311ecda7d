"""A folder is read whole, and again whenever its content changes."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from tenantry_common import folder
from tenantry_common.contents import Contents, Unreadable

SUFFIXES = (".yaml",)


def test_only_visible_files_with_the_suffix_are_read(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", "a.txt", ".a.yaml", "c.yaml~"):
        (tmp_path / name).write_text(name)
    (tmp_path / "d.yaml").mkdir()

    found = folder.read(tmp_path, SUFFIXES)

    assert found == {str(tmp_path / "a.yaml"): "a.yaml", str(tmp_path / "b.yaml"): "b.yaml"}
    assert list(found) == sorted(found)


def test_a_file_that_cannot_be_read_is_named_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "good.yaml").write_text("x")

    assert folder.read(tmp_path, SUFFIXES) == {
        str(tmp_path / "bad.yaml"): Unreadable("not UTF-8: invalid start byte at byte 0"),
        str(tmp_path / "gone.yaml"): Unreadable("No such file or directory"),
        str(tmp_path / "good.yaml"): "x",
    }


def test_a_folder_that_does_not_exist_is_not_an_empty_one(tmp_path: Path) -> None:
    assert folder.read(tmp_path / "nowhere", SUFFIXES) == Unreadable("No such file or directory")


@contextlib.asynccontextmanager
async def following(path: Path) -> AsyncIterator[asyncio.Queue[Contents | Unreadable]]:
    seen: asyncio.Queue[Contents | Unreadable] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(folder.follow(path, SUFFIXES, 0.3, seen.put_nowait))
        yield seen
        task.cancel()


async def shown(seen: asyncio.Queue[Contents | Unreadable], expected: object) -> None:
    async with asyncio.timeout(5):
        while await seen.get() != expected:
            pass


async def test_changes_are_shown_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    async with following(tmp_path) as seen:
        await shown(seen, {})
        file.write_text("1")
        await shown(seen, {str(file): "1"})
        (tmp_path / "new").write_text("2")
        (tmp_path / "new").rename(file)
        await shown(seen, {str(file): "2"})
        file.unlink()
        await shown(seen, {})


async def test_what_changes_nothing_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("1")
    async with following(tmp_path) as seen:
        await shown(seen, {str(file): "1"})
        file.touch()
        (tmp_path / "b.txt").write_text("1")
        (tmp_path / "b.yaml").write_text("1")

        assert await asyncio.wait_for(seen.get(), 5) == {
            str(file): "1",
            str(tmp_path / "b.yaml"): "1",
        }


async def test_a_folder_may_come_late_and_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "manifests"
    missing = Unreadable("No such file or directory")
    async with following(path) as seen:
        await shown(seen, missing)
        path.mkdir()
        (path / "a.yaml").write_text("1")
        await shown(seen, {str(path / "a.yaml"): "1"})
        shutil.rmtree(path)
        await shown(seen, missing)
        path.mkdir()
        await shown(seen, {})
