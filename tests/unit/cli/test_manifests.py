"""`tenantry check` shows every problem of every file and answers by its exit status."""

import io
from pathlib import Path

from rich.console import Console

from tenantry_cli import manifests

GOOD = """\
apiVersion: observability.ethos.io/v1alpha1
kind: MetricAccess
metadata: {name: a, namespace: team-a}
spec: {source: x, metrics: [up]}
"""


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)


def shown(*paths: Path) -> str:
    console = Console(width=300, record=True, file=io.StringIO())
    console.print(manifests.render(manifests.check(paths)))
    return console.export_text()


def test_a_valid_manifest_is_quiet(tmp_path: Path) -> None:
    write(tmp_path, good=GOOD)

    assert (shown(tmp_path), manifests.exit_status(manifests.check([tmp_path]))) == (
        "0 errors, 0 warnings\n",
        0,
    )


def test_every_problem_of_every_file_is_named_with_its_place(tmp_path: Path) -> None:
    write(
        tmp_path,
        good=GOOD,
        two=GOOD.replace("name: a", "name: b").replace("[up]", '["up{", "{}"]'),
        text="a: [\n",
    )

    text = shown(tmp_path, tmp_path / "missing.yaml")

    for expected in (
        "two.yaml",
        "$.spec.metrics[0]",
        "$.spec.metrics[1]",
        "text.yaml",
        "missing.yaml",
    ):
        assert expected in text
    assert manifests.exit_status(manifests.check([tmp_path])) == 1


def test_a_warning_alone_is_no_failure(tmp_path: Path) -> None:
    write(tmp_path, odd=GOOD.replace("[up]", """['{job=".*"}']"""))

    findings = manifests.check([tmp_path])

    assert ([f.problem.severity for f in findings], manifests.exit_status(findings)) == (
        ["warning"],
        0,
    )


def test_the_examples_are_valid() -> None:
    examples = Path(__file__).parents[3] / "examples" / "metricaccess"

    assert manifests.check([examples]) == ()
