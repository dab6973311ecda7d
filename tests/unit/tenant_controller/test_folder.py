"""The folder's newest contents are kept when it cannot be listed."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tenant_controller import config
from tenant_controller.folder import Folder


async def test_contents_follow_the_folder_and_outlive_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "manifests"
    path.mkdir()
    changed = asyncio.Event()
    folder = Folder(config.Folder(path=str(path), reread_seconds=0.2), changed.set)

    async def until(contents: dict[str, str] | None, problem: str) -> None:
        async with asyncio.timeout(5):
            while (folder.contents, folder.problem) != (contents, problem):
                await changed.wait()
                changed.clear()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(folder.run())
        await until({}, "")
        (path / "a.yaml").write_text("x")
        (path / "b.yml").write_text("y")
        (path / "c.json").write_text("z")
        both = {str(path / "a.yaml"): "x", str(path / "b.yml"): "y"}
        await until(both, "")
        path.rename(tmp_path / "elsewhere")
        await until(both, f"{path}: No such file or directory")
        path.mkdir()
        await until({}, "")
        task.cancel()

    assert caplog.messages == ["manifests cannot be listed, keeping the last"]
    shutil.rmtree(path)
