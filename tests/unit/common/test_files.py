"""Files are read again when they change, however they are replaced."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tenantry_common import files
from tenantry_common.contents import Unreadable
from tenantry_common.files import Contents


def test_what_cannot_be_read_is_said_beside_the_others(tmp_path: Path) -> None:
    there, gone = tmp_path / "a", tmp_path / "b"
    there.write_bytes(b"x")

    assert files.read([there, gone, tmp_path]) == {
        there: b"x",
        gone: Unreadable("No such file or directory"),
        tmp_path: Unreadable("Is a directory"),
    }


@contextlib.asynccontextmanager
async def following(*paths: Path) -> AsyncIterator[asyncio.Queue[Contents]]:
    seen: asyncio.Queue[Contents] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(files.follow(paths, 0.3, seen.put_nowait))
        yield seen
        task.cancel()


async def shown(seen: asyncio.Queue[Contents], expected: Contents) -> None:
    async with asyncio.timeout(5):
        while await seen.get() != expected:
            pass


@pytest.mark.parametrize("how", ["written", "renamed", "linked"])
async def test_a_change_is_shown(tmp_path: Path, how: str) -> None:
    file, other = tmp_path / "a", tmp_path / "other" / "b"
    other.parent.mkdir()
    other.write_bytes(b"same")
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a").write_text(version)
    if how == "linked":  # as Kubernetes mounts Secrets
        (tmp_path / "data").symlink_to("1")
        file.symlink_to("data/a")
    else:
        file.write_text("1")

    async with following(file, other) as seen:
        await shown(seen, {file: b"1", other: b"same"})
        match how:
            case "written":
                file.write_text("2")
            case "renamed":
                (tmp_path / "2" / "a").rename(file)
            case "linked":
                (tmp_path / "new").symlink_to("2")
                (tmp_path / "new").rename(tmp_path / "data")
        await shown(seen, {file: b"2", other: b"same"})
        file.unlink()
        await shown(seen, {file: Unreadable("No such file or directory"), other: b"same"})


async def test_a_file_in_a_folder_that_does_not_exist_yet_is_found(tmp_path: Path) -> None:
    file = tmp_path / "later" / "a"

    async with following(file) as seen:
        await shown(seen, {file: Unreadable("No such file or directory")})
        file.parent.mkdir()
        file.write_bytes(b"x")
        await shown(seen, {file: b"x"})
