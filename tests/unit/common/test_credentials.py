"""Secrets in a folder."""

from pathlib import Path

import pytest

from tenantry_common.contracts import SecretRef
from tenantry_common.credentials import Folder, Unreadable


async def test_a_secret_is_a_file_below_its_namespace(tmp_path: Path) -> None:
    (tmp_path / "team-a" / "push").mkdir(parents=True)
    (tmp_path / "team-a" / "push" / "password").write_text("s3cret \n")

    reference = SecretRef(name="push", key="password")

    assert await Folder(str(tmp_path)).read("team-a", reference) == "s3cret "


@pytest.mark.parametrize(
    ("namespace", "name", "key", "why"),
    [
        pytest.param("team-a", "push", "token", "No such file or directory", id="missing"),
        pytest.param("team-a", "..", "x", "not a name of a file", id="climbs"),
        pytest.param("team-a", "../team-b", "x", "not a name of a file", id="neighbour"),
        pytest.param("team-a", "push", "/etc/passwd", "not a name of a file", id="absolute"),
        pytest.param("team-a", "push", "", "not a name of a file", id="empty"),
        pytest.param("team-a", "bin", "x", "not UTF-8", id="bytes"),
    ],
)
async def test_what_cannot_be_read_is_named(
    tmp_path: Path, namespace: str, name: str, key: str, why: str
) -> None:
    (tmp_path / "team-a" / "bin").mkdir(parents=True)
    (tmp_path / "team-a" / "bin" / "x").write_bytes(b"\xff")

    with pytest.raises(Unreadable) as caught:
        await Folder(str(tmp_path)).read(namespace, SecretRef(name=name, key=key))
    assert str(caught.value) == f"secret {namespace}/{name}, key {key}: {why}"


async def test_without_a_folder_there_are_no_secrets() -> None:
    with pytest.raises(Unreadable, match="no secrets_dir"):
        await Folder("").read("team-a", SecretRef(name="push", key="password"))
