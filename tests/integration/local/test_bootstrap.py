"""The set-up script, run in a workspace of one tiny member, without the network."""

import functools
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tenantry_local.binaries import tools_dir
from tenantry_local.ports import LOOPBACK, free_port

UV = shutil.which("uv", path=f"{tools_dir() / 'bin'}:{os.environ['PATH']}") or "uv"
SCRIPT = Path(__file__).parents[3] / "scripts" / "bootstrap.sh"

ROOT = """
[tool.uv.workspace]
members = ["libs/*"]
[tool.uv]
required-version = ">=0.11"
"""
MEMBER = """
[project]
name = "tenantry-common"
version = "0"
requires-python = ">=3.12"
dependencies = ["tenantry-test-only"]
[build-system]
requires = ["uv_build>=0.11,<1"]
build-backend = "uv_build"
[tool.uv.build-backend]
module-name = "tenantry_common"
"""


def write_wheel(file: Path) -> None:
    """Write a wheel of one empty module, the same bytes each time."""
    info = "tenantry_test_only-1.dist-info"
    with zipfile.ZipFile(file, "w") as wheel:
        for name, text in {
            "tenantry_test_only.py": "",
            f"{info}/METADATA": "Metadata-Version: 2.1\nName: tenantry-test-only\nVersion: 1\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": "",
        }.items():
            wheel.writestr(zipfile.ZipInfo(name), text)


@contextmanager
def package_index(folder: Path) -> Iterator[str]:
    """Serve a package index that holds the one dependency; it tells no upload dates."""
    page = folder / "simple" / "tenantry-test-only" / "index.html"
    page.parent.mkdir(parents=True)
    file = page.with_name("tenantry_test_only-1-py3-none-any.whl")
    write_wheel(file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    page.write_text(f'<a href="{file.name}#sha256={digest}">{file.name}</a>')
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}/simple"
        finally:
            server.shutdown()
            thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a line on stderr per request."""

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with uv, Python and an empty home."""
    return {
        "PATH": f"{Path(UV).parent}:{Path(sys.executable).parent}:{os.defpath}",
        "HOME": str(tmp_path / "home"),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_PYTHON_DOWNLOADS": "never",
    }


@pytest.fixture
def workspace(tmp_path: Path, env: dict[str, str]) -> Path:
    """A workspace whose lock names an index that is gone."""
    workspace = tmp_path / "workspace"
    for folder in ("scripts", "libs/common/src/tenantry_common"):
        (workspace / folder).mkdir(parents=True)
    shutil.copy(SCRIPT, workspace / "scripts")
    (workspace / "pyproject.toml").write_text(ROOT)
    (workspace / "libs/common/pyproject.toml").write_text(MEMBER)
    (workspace / "libs/common/src/tenantry_common/__init__.py").touch()
    with package_index(tmp_path / "gone") as index:
        subprocess.run(
            [UV, "lock", "--quiet", "--default-index", index, "--python", sys.executable],
            cwd=workspace,
            env=env,
            check=True,
        )
    (workspace / "pyproject.toml").write_text(f'{ROOT}exclude-newer = "2020-01-01T00:00:00Z"\n')
    return workspace


def bootstrap(workspace: Path, env: dict[str, str], **added: str) -> tuple[int, list[str]]:
    """Run the script and return its exit status and what it says."""
    done = subprocess.run(
        [workspace / "scripts/bootstrap.sh"],
        cwd=workspace,
        env={**env, **added},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_packages_come_from_the_index_that_pip_is_configured_with(
    workspace: Path, env: dict[str, str], tmp_path: Path
) -> None:
    with package_index(tmp_path / "mirror") as index:
        status, said = bootstrap(workspace, env, PIP_INDEX_URL=index)

    assert (said[1:], status) == (
        [
            "setup: installing the locked packages into .venv, from the configured package index",
            "setup: done",
        ],
        0,
    )
    imports = "import tenantry_common, tenantry_test_only"
    subprocess.run([workspace / ".venv/bin/python", "-c", imports], check=True)


def test_a_second_run_has_nothing_to_do_until_the_lock_or_a_member_changes(
    workspace: Path, env: dict[str, str], tmp_path: Path
) -> None:
    with package_index(tmp_path / "mirror") as index:
        bootstrap(workspace, env, PIP_INDEX_URL=index)

        assert bootstrap(workspace, env, PIP_INDEX_URL=index) == (0, [])

        with (workspace / "libs/common/pyproject.toml").open("a") as member:
            member.write("# changed\n")

        assert bootstrap(workspace, env, PIP_INDEX_URL=index)[1][-1] == "setup: done"


def test_an_index_that_does_not_answer_is_told_with_the_next_step(
    workspace: Path, env: dict[str, str]
) -> None:
    gone = f"http://{LOOPBACK}:{free_port()}/simple"

    status, said = bootstrap(workspace, env, PIP_INDEX_URL=gone, UV_HTTP_RETRIES="0")

    assert status == 1
    assert "check the proxy (HTTPS_PROXY), or name an index" in said[-1]


def test_a_python_that_does_not_run_is_passed_over(
    workspace: Path, env: dict[str, str], tmp_path: Path
) -> None:
    shims = tmp_path / "shims"
    shims.mkdir()
    for name in ("python3", "python3.12"):
        (shims / name).write_text("#!/bin/sh\necho pyenv: not selected >&2; exit 127\n")
        (shims / name).chmod(0o755)
    version = tmp_path / "pyenv/versions/3.12.9/bin"
    version.mkdir(parents=True)
    (version / "python3").symlink_to(sys.executable)
    path = f"{shims}:{Path(UV).parent}:/usr/bin:/bin"

    with package_index(tmp_path / "mirror") as index:
        status, said = bootstrap(
            workspace, env, PATH=path, PYENV_ROOT=str(tmp_path / "pyenv"), PIP_INDEX_URL=index
        )

    assert (said[-1], status) == ("setup: done", 0)


def test_a_machine_without_a_python_is_told_what_to_install(
    workspace: Path, env: dict[str, str]
) -> None:
    status, said = bootstrap(workspace, env, PYTHON="/no/such/python")

    assert status == 1
    assert said[0].startswith("setup: no Python 3.12 or newer was found (tried: /no/such/python).")
