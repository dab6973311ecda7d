"""Objects as the tests of what follows compiling want them: compiled."""

from typing import Any

from tenant_controller import compile, config, platform_settings, stored
from tenant_controller.compile import Compiled

DELIVERED = {
    "enabled": True,
    "target": {"type": "prometheus", "prometheus": {"serviceName": "p"}},
}


def item(*metrics: str, generation: int = 1, **spec: Any) -> dict[str, Any]:
    """Return a MetricAccess as the API server stores it."""
    return {
        "apiVersion": "observability.ethos.io/v1alpha1",
        "kind": "MetricAccess",
        "metadata": {"name": "a", "namespace": "team-a", "uid": "u", "generation": generation},
        "spec": {"source": "s", "metrics": list(metrics), **spec},
    }


def compiled(*metrics: str, boundary: str = "", **spec: Any) -> Compiled:
    """Return what became of it."""
    limits = (config.Boundary(selectors=(boundary,)),) if boundary else ()
    platform = platform_settings.parse(
        config.Config(kubernetes=config.Kubernetes(), boundaries=limits)
    )
    catalogue = stored.Reader().read([item(*metrics, **spec)])
    (one,) = compile.everything(catalogue, platform).objects
    return one
