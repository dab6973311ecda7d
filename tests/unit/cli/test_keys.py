"""Keys rotate without a moment in which nobody knows them, and secrets are shown once."""

import json
import stat
import time
from pathlib import Path

import yaml
from typer.testing import CliRunner

from receiver.identity import keyring
from receiver.identity.credentials import SECTION, Credential
from tenantry_cli.keys import app
from tenantry_common import api_key, key_file


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def kids(path: Path) -> list[str]:
    return [key["kid"] for key in json.loads(path.read_bytes())["keys"]]


def test_a_first_key_signs_at_once_and_a_second_one_later(tmp_path: Path) -> None:
    run("rotate", "--dir", str(tmp_path))
    (first,) = kids(tmp_path / "keys.json")
    run("rotate", "--dir", str(tmp_path), "--lead", "1h")

    ring = keyring.parse((tmp_path / "keys.json").read_bytes())
    now, later = ring.signing(time.time()), ring.signing(time.time() + 3700)
    assert now is not None
    assert later is not None
    assert (now.kid, len(ring)) == (first, 2)
    assert later.kid != first


def test_the_public_file_signs_nothing_and_the_private_one_is_its_owners(tmp_path: Path) -> None:
    run("rotate", "--dir", str(tmp_path))

    public = keyring.parse((tmp_path / "keys.public.json").read_bytes())
    assert kids(tmp_path / "keys.json") == kids(tmp_path / "keys.public.json")
    assert public.signing(time.time()) is None
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_keys_that_signed_no_valid_token_go(tmp_path: Path) -> None:
    for _ in range(4):
        run("rotate", "--dir", str(tmp_path), "--lead", "0s", "--lifetime", "0s")

    assert len(kids(tmp_path / "keys.json")) == 1


def test_a_key_is_dropped_unless_it_is_the_only_one(tmp_path: Path) -> None:
    run("rotate", "--dir", str(tmp_path))
    (only,) = kids(tmp_path / "keys.json")
    refused = CliRunner().invoke(app, ["revoke", "key", only, "--dir", str(tmp_path)])
    run("rotate", "--dir", str(tmp_path), "--lead", "0s")
    run("revoke", "key", only, "--dir", str(tmp_path))

    assert refused.exit_code == 2
    assert only not in kids(tmp_path / "keys.json")


def test_a_credential_is_shown_once_and_its_entry_is_one_of_the_file() -> None:
    result = CliRunner().invoke(
        app,
        [
            *["issue", "fleet-eu", "--tenant", "platform", "--job", "fleet"],
            "--cluster",
            "a",
            "--cluster",
            "b",
        ],
    )
    document = yaml.safe_dump({"credentials": yaml.safe_load(result.stdout)}).encode()
    entry = key_file.parse(document, SECTION, Credential)["fleet-eu"]
    key = api_key.read(result.stderr.strip())

    assert key is not None
    assert api_key.fits(entry.hash, key.secret)
    assert (entry.ref, entry.clusters) == (("platform", "fleet"), ("a", "b"))
    assert key.secret not in result.stdout


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{}")
    for arguments in (
        ["list", "--dir", str(tmp_path)],
        ["issue", "A_B", "--tenant", "t", "--job", "j", "--cluster", "c"],
        ["revoke", "cluster", "only-a-name"],
        ["rotate", "--dir", str(tmp_path / "x"), "--lead", "soon"],
    ):
        assert CliRunner().invoke(app, arguments).exit_code == 2
