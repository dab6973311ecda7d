"""How a service is told where the Kubernetes API server is; pure."""

from tenantry_common import config


class Settings(config.Section, frozen=True, kw_only=True):
    """How to reach the API server. Nothing set: as a pod of its own cluster, by service account."""

    kubeconfig: str = ""
    """Path of a kubeconfig file."""
    context: str = ""
    """Context of the kubeconfig; empty for its current one."""
    url: str = ""
    """URL of the API server, where there is no kubeconfig."""
    token_file: str = ""
    """Path of the bearer token for `url`, read again for each request."""
    ca_file: str = ""
    """Path of the CA certificates, PEM, for `url`; empty: those of the system."""
    timeout_seconds: float = 30.0
    """Seconds that one answer may take; watches have limits of their own."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.url and self.kubeconfig:
            raise ValueError("url and kubeconfig exclude one another")
        if (self.token_file or self.ca_file) and not self.url:
            raise ValueError("token_file and ca_file belong to url")
