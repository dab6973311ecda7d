"""The image of each service: what it leaves out, who it runs as, and what it says of itself.

Docker is not at hand everywhere; what the file has run at build time is run here where that is cheap.
"""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from tests.deploy.manifests import ROOT, SERVICES

from tenantry_local import binaries

LINES = re.sub(r"\\\n\s*", "", (ROOT / "deploy" / "Dockerfile").read_text()).splitlines()
STAGES = [number for number, line in enumerate(LINES) if line.startswith("FROM ")]
BUILD, FINAL = LINES[STAGES[0] : STAGES[1]], LINES[STAGES[1] :]


def words(stage: list[str], instruction: str) -> list[str]:
    """Return what follows each use of an instruction."""
    return [line.removeprefix(f"{instruction} ") for line in stage if line.startswith(instruction)]


def test_the_final_stage_runs_nothing_as_root_and_holds_no_build_tool() -> None:
    assert words(FINAL, "RUN") == []
    assert words(FINAL, "USER") == ["65532"]
    assert [line.split()[0] for line in words(FINAL, "COPY")] == ["--from=build"] * 2
    assert LINES.index("USER 65532") > max(
        number for number, line in enumerate(LINES) if line.startswith("COPY")
    )


def test_modules_are_compiled_since_the_file_system_is_read_only() -> None:
    assert any("UV_COMPILE_BYTECODE=1" in line for line in words(BUILD, "ENV"))


def test_the_image_names_its_bill_of_materials() -> None:
    (labels,) = words(FINAL, "LABEL")
    found = dict(re.findall(r'(\S+)="([^"]*)"', labels))
    target = found["io.tenantry.sbom"]

    assert f"--from=build /sbom.cdx.json {target}" in words(FINAL, "COPY")
    assert any(
        line.startswith("uv export") and "/sbom.cdx.json" in line for line in words(BUILD, "RUN")
    )


@pytest.mark.parametrize("service", SERVICES)
def test_the_bill_of_materials_lists_what_the_service_needs(service: str, tmp_path: Path) -> None:
    (line,) = [line for line in words(BUILD, "RUN") if line.startswith("uv export")]
    target = tmp_path / "sbom"
    command = line.replace("${SERVICE}", service).replace("/sbom.cdx.json", str(target)).split()
    uv = binaries.tools_dir() / "bin" / "uv"

    subprocess.run([uv, *command[1:], "--offline"], cwd=ROOT, check=True, capture_output=True)

    components = {one["name"] for one in json.loads(target.read_text())["components"]}
    project = tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text())["project"]
    needed = {
        re.split(r"[\[<>=;]", requirement)[0].strip() for requirement in project["dependencies"]
    }
    assert needed <= components
    assert components.isdisjoint({"pytest", "mypy", "kmock"})


@pytest.mark.parametrize("service", SERVICES)
def test_the_entry_point_is_a_command_of_the_distribution(service: str) -> None:
    project = tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text())["project"]

    assert project["name"] == f"tenantry-{service}"
    assert service in project["scripts"]
    assert words(FINAL, "ENTRYPOINT") == ['["sh", "-c", "exec \\"$SERVICE\\" \\"$@\\"", "service"]']


@pytest.mark.parametrize("service", SERVICES)
def test_compose_runs_a_service_without_rights(service: str) -> None:
    described = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][service]

    assert described["image"] == f"tenantry/{service}"
    assert described.keys().isdisjoint({"user", "privileged", "cap_add", "entrypoint"})
    assert described["read_only"] is True
    assert described["cap_drop"] == ["ALL"]
    assert described["security_opt"] == ["no-new-privileges:true"]
