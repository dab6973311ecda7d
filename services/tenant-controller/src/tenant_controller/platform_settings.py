"""What the platform's owner configured, checked and ready for use; pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tenant_controller import boundary, config
from tenant_controller.boundary import Boundaries
from tenant_controller.endpoints import Network

_SERVICE = re.compile(r"[a-z0-9-]+/[a-z0-9-]+:\d+")
_BASE_URL = re.compile(r"https?://[^\s/@]+(/[^\s?#]*)?")


class Invalid(ValueError):
    """The configuration is wrong; the text begins with the path of what is."""


@dataclass(frozen=True, eq=False)  # one per process, compared by identity
class Platform:
    """The settings that decide what the same manifests mean on different platforms."""

    boundaries: Boundaries
    network: Network


def parse(settings: config.Config) -> Platform:
    """Return the platform that `settings` describe. Raises `Invalid`."""
    for problem in _override_problems(settings):
        raise Invalid(problem)
    try:
        boundaries = boundary.parse(settings.boundaries)
    except boundary.Invalid as error:
        raise Invalid(str(error)) from error
    network = Network(
        cluster_domain=settings.cluster_domain,
        service_overrides=settings.service_overrides,
        target_namespaces=settings.target_namespaces,
    )
    return Platform(boundaries, network)


def _override_problems(settings: config.Config) -> Iterator[str]:
    for service, urls in settings.service_overrides.items():
        path = f"$.service_overrides.{service}"
        if not _SERVICE.fullmatch(service):
            yield f"{path}: is not <namespace>/<service>:<port>"
        for number, url in enumerate(urls):
            if not _BASE_URL.fullmatch(url):
                yield f"{path}[{number}]: {url!r} is not the base URL of a server"
