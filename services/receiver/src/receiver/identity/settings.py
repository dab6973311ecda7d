"""The configuration of who is believed: section `auth`."""

import ipaddress
from urllib.parse import urlsplit

from tenantry_common import config

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Tokens(config.Section, frozen=True, kw_only=True):
    """Our own tokens, which `/authorize` hands out."""

    keys_file: str = ""
    """Path of the keys (`tenantry keys rotate`), read again when it changes. With the private halves
    this instance answers `/authorize`; with the public ones (`keys.public.json`) it only verifies."""
    lifetime_seconds: int = 86_400
    """Seconds for which a token is good. Clients that are told less than 60 keep it for ever."""

    def __post_init__(self) -> None:
        """Refuse what clients would misunderstand."""
        if self.lifetime_seconds < 60:
            raise ValueError("lifetime_seconds must be at least 60")


class Credentials(config.Section, frozen=True, kw_only=True):
    """Long-lived credentials, which `/authorize` takes; made by `tenantry keys issue`."""

    file: str = ""
    """Path of the YAML file with their hashes, read again when it changes."""


class Certificate(config.Section, frozen=True, kw_only=True):
    """A client certificate that says which cluster pushes."""

    name: str
    """A name in the certificate with its kind in front: `dns:`, `uri:`, `email:`, `ip:` or `cn:`."""
    tenant: str
    """Tenant of the job that is pushed to."""
    job: str
    """Name of its MetricAccess."""
    cluster: str
    """Id of the cluster."""


class TrustedHeader(config.Section, frozen=True, kw_only=True):
    """Believe `X-Tenantry-Source: <tenant>/<job>/<cluster>` of peers that authenticate clusters."""

    networks: tuple[str, ...] = ()
    """CIDR networks of the peers. Who can connect from there can push as any cluster."""
    secret_file: str = ""
    """Path of a secret that the peer must send too, in `X-Tenantry-Peer-Secret`."""

    def __post_init__(self) -> None:
        """Refuse a network that cannot be read while the process starts."""
        self.parsed()
        if self.secret_file and not self.networks:
            raise ValueError("secret_file needs networks")

    def parsed(self) -> tuple[Network, ...]:
        """Return the networks; raise ValueError naming the one that is not CIDR."""
        return tuple(ipaddress.ip_network(network) for network in self.networks)


class Upstream(config.Section, frozen=True, kw_only=True):
    """An authorisation service, asked as openshift/telemeter asks its own.

    It gets `{"cluster_id": …, "authorization_token": …}` and answers 200 or 201 with an `account_id`,
    or 401, 403, 404 or 409 for nobody that it knows.
    """

    url: str = ""
    """Its URL; empty: there is none."""
    tenant: str = ""
    """Tenant of the job that its clusters push to."""
    job: str = ""
    """Name of that MetricAccess."""
    ca_file: str = ""
    """Path of the CA bundle that signs its certificate; empty: those of the system."""
    timeout_seconds: float = 5.0
    """Seconds that it may take."""
    fresh_seconds: float = 3600.0
    """Seconds for which its yes is used again without asking."""
    refused_seconds: float = 60.0
    """Seconds for which its no is used again without asking."""
    stale_seconds: float = 86_400.0
    """Seconds for which its last yes is used while it does not answer; then 503."""

    def __post_init__(self) -> None:
        """Refuse halves."""
        if self.url and not (self.tenant and self.job):
            raise ValueError("an upstream needs tenant and job")
        if self.url and urlsplit(self.url).scheme not in ("http", "https"):
            raise ValueError("url is not an http:// or https:// URL")


class Auth(config.Section, frozen=True, kw_only=True):
    """How it is decided who pushes. Nothing configured: every push is answered 401."""

    tokens: Tokens = Tokens()
    credentials: Credentials = Credentials()
    certificates: tuple[Certificate, ...] = ()
    trusted_header: TrustedHeader = TrustedHeader()
    upstream: Upstream = Upstream()

    @property
    def needs_certificates(self) -> bool:
        """Whether client certificates are looked at."""
        return bool(self.certificates)
