"""The owner's configuration is checked before anything depends on it."""

import pytest

from tenant_controller import config, platform_settings
from tenant_controller.endpoints import Network
from tenant_controller.platform_settings import Invalid

FOLDER = config.Folder(path="manifests")


def test_settings_become_a_platform() -> None:
    overrides: dict[str, tuple[str, ...]] = {
        "team-web/prometheus:9090": ("http://127.0.0.1:19091", "https://b/prom")
    }
    settings = config.Config(
        folder=FOLDER,
        cluster_domain="example",
        service_overrides=overrides,
        target_namespaces={"a": ("b",)},
        boundaries=(config.Boundary(namespaces=("*",), selectors=("up",)),),
    )

    platform = platform_settings.parse(settings)

    assert platform.network == Network(
        cluster_domain="example",
        service_overrides=overrides,
        target_namespaces={"a": ("b",)},
    )
    assert [b.namespaces for b in platform.boundaries.all] == [("*",)]


@pytest.mark.parametrize(
    ("service", "url", "message"),
    [
        pytest.param("prometheus", "http://a", r"\.prometheus: is not <namespace>", id="service"),
        pytest.param("a/b:1", "127.0.0.1:1", r"\.a/b:1\[0\]: '127", id="no URL"),
        pytest.param("a/b:1", "http://u:p@h", r"\.a/b:1\[0\]: 'http", id="credentials"),
        pytest.param("a/b:1", "http://h/x?y", r"\.a/b:1\[0\]: 'http", id="query"),
    ],
)
def test_a_wrong_override_is_named(service: str, url: str, message: str) -> None:
    settings = config.Config(folder=FOLDER, service_overrides={service: (url,)})

    with pytest.raises(Invalid, match=r"^\$\.service_overrides" + message):
        platform_settings.parse(settings)


def test_a_wrong_boundary_is_named() -> None:
    wrong = config.Boundary(namespaces=("*",), selectors=("{",))

    with pytest.raises(Invalid, match=r"^\$\.boundaries\[0\]\.selectors\[0\]: "):
        platform_settings.parse(config.Config(folder=FOLDER, boundaries=(wrong,)))
