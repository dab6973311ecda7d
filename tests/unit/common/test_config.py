"""Configuration: one file, environment on top, every error names its place."""

from pathlib import Path

import pytest

from tenantry_common import config, errors


class Example(config.Service, frozen=True, kw_only=True):
    size: int = 1


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "example.yaml"
    path.write_text(text)
    return path


def test_a_file_is_read_over_the_defaults(tmp_path: Path) -> None:
    path = write(tmp_path, "size: 3\nnats: {servers: ['nats://n:1']}\n")

    assert config.load(Example, path, env={}) == Example(
        size=3, nats=config.Nats(servers=("nats://n:1",))
    )


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert config.load(Example, write(tmp_path, ""), env={}) == Example()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    env = {"TENANTRY__SIZE": "5", "TENANTRY__NATS__SERVERS": '["nats://e:2"]', "OTHER": "x"}

    loaded = config.load(Example, write(tmp_path, "size: 3"), env=env)

    assert (loaded.size, loaded.nats.servers) == (5, ("nats://e:2",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("size: big", r"example\.yaml: .*\$\.size", id="wrong type"),
        pytest.param("sise: 1", r"unknown field `sise`", id="unknown field"),
        pytest.param("nats: {replicas: x}", r"\$\.nats\.replicas", id="inside a section"),
        pytest.param("a: [", r"not YAML", id="not YAML"),
        pytest.param("- 1", r"must be a mapping", id="not a mapping"),
    ],
)
def test_an_error_names_file_and_path(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(errors.ConfigError, match=message):
        config.load(Example, write(tmp_path, text), env={})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match=r"nowhere\.yaml: No such file"):
        config.load(Example, tmp_path / "nowhere.yaml", env={})


def test_an_override_that_crosses_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match="TENANTRY__SIZE__X: 'size' is not a section"):
        config.load(Example, write(tmp_path, "size: 3"), env={"TENANTRY__SIZE__X": "1"})
