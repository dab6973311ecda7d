"""The configuration of who is believed: section `auth`."""

import ipaddress
from urllib.parse import urlsplit

from query_gateway.identity.principal import ModeName
from tenantry_common import config, relabel_regex

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

EVERY = "*"
"""In a grant: every tenant."""

ASYMMETRIC = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Algorithms by which whoever can verify a token cannot make one."""


class Grant(config.Section, frozen=True, kw_only=True):
    """Which tenants follow from one name that somebody presents. Give `name` or `pattern`."""

    name: str = ""
    """The name exactly as it is presented."""
    pattern: str = ""
    """An RE2 regular expression that the whole name must match."""
    tenants: tuple[str, ...]
    """Tenants; `"*"` is every tenant, and `$1` what the pattern's first group matched."""

    def __post_init__(self) -> None:
        """Refuse a grant that says nothing, or more than one thing."""
        if bool(self.name) == bool(self.pattern):
            raise ValueError("a grant has either a name or a pattern")
        if problem := relabel_regex.problem(self.pattern):
            raise ValueError(f"pattern: {problem}")
        if not self.tenants or "" in self.tenants:
            raise ValueError("a grant needs tenants, and none may be empty")


class TrustedHeader(config.Section, frozen=True, kw_only=True):
    """Believe `X-Tenant-Namespace` (or the parameter `namespace`) from these peers, nobody else."""

    networks: tuple[str, ...] = ()
    """CIDR networks of the proxies that authenticate users and set the header. Who can connect
    from one of them can read every tenant's series."""
    certificates: tuple[str, ...] = ()
    """Names in the proxies' client certificates, with their kind, such as `dns:proxy.example.com`
    or `uri:spiffe://example.com/proxy`. Needs `listen.tls.client_ca_file`."""

    def __post_init__(self) -> None:
        """Refuse a network that cannot be read while the process starts."""
        self.parsed()

    def parsed(self) -> tuple[Network, ...]:
        """Return the networks; raise ValueError naming the one that is not CIDR."""
        return tuple(ipaddress.ip_network(network) for network in self.networks)


class Issuer(config.Section, frozen=True, kw_only=True):
    """One issuer of tokens. Its keys are found by OIDC discovery, unless a URL or file is given."""

    issuer: str
    """The claim `iss`, exactly. For discovery also the URL below which
    `/.well-known/openid-configuration` is."""
    audiences: tuple[str, ...]
    """The claim `aud` must hold one of these. A token for somebody else is not for us."""
    jwks_url: str = ""
    """URL of the key set, instead of discovery."""
    jwks_file: str = ""
    """Path of the key set, instead of discovery; read again when it changes."""
    ca_file: str = ""
    """Path of the CA bundle for discovery and key set; empty: the system's."""
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
    """Signature algorithms that are accepted."""
    leeway_seconds: float = 30.0
    """Seconds by which clocks may differ when `exp`, `nbf` and `iat` are checked."""
    name_claim: str = "sub"
    """The claim that names the user in logs, or a JSON pointer (`/a/b`) to it."""
    tenants_claim: str = "tenants"
    """The claim, or a JSON pointer to it, that holds a name or a list of names."""
    grants: tuple[Grant, ...] = ()
    """Which tenants follow from these names. Without any, the names are the tenants."""
    refresh_seconds: float = 300.0
    """Seconds after which the key set is fetched again; a withdrawn key is believed so long."""
    unknown_key_seconds: float = 10.0
    """Least seconds between fetches because of tokens whose key is unknown."""
    stale_seconds: float = 86400.0
    """Seconds for which the last key set is used while it cannot be fetched; then 503."""

    def __post_init__(self) -> None:
        """Refuse what could not verify a token, or could let somebody forge one."""
        if not self.issuer or not self.audiences:
            raise ValueError("an issuer needs issuer and audiences")
        if not self.algorithms or not ASYMMETRIC.issuperset(self.algorithms):
            raise ValueError(f"algorithms must be among {', '.join(sorted(ASYMMETRIC))}")
        if self.jwks_url and self.jwks_file:
            raise ValueError("give jwks_url or jwks_file, not both")
        if not self.jwks_file and not _unseen(self.jwks_url or self.issuer):
            raise ValueError("keys are fetched from https URLs only, or from this machine")


def _unseen(url: str) -> bool:
    """Return whether nobody between here and `url` can change what is fetched from there."""
    parts = urlsplit(url)
    own = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    return (parts.scheme == "https" or own) and parts.username is None


class Jwt(config.Section, frozen=True, kw_only=True):
    """Bearer tokens that an identity provider signed."""

    issuers: tuple[Issuer, ...] = ()
    """Each is responsible for the tokens that name it."""

    def __post_init__(self) -> None:
        """Refuse issuers that would shadow one another."""
        if len({one.issuer for one in self.issuers}) < len(self.issuers):
            raise ValueError("two issuers of the same name")


class ApiKey(config.Section, frozen=True, kw_only=True):
    """Keys that we hand out, each bound to tenants."""

    file: str = ""
    """Path of the YAML file with the keys' hashes; read again when it changes."""


class Mtls(config.Section, frozen=True, kw_only=True):
    """Client certificates that `listen.tls.client_ca_file` signed."""

    grants: tuple[Grant, ...] = ()
    """Which tenants follow from names in a certificate. A name has its kind in front: `dns:`,
    `uri:`, `email:`, `ip:` or `cn:`. A certificate that none applies to is as if it were not there."""


class Kubernetes(config.Section, frozen=True, kw_only=True):
    """Tokens of Kubernetes: TokenReview says whose, SubjectAccessReview for which namespaces."""

    kubeconfig: str = ""
    """Path of a kubeconfig; empty: the pod's service account."""
    audiences: tuple[str, ...] = ()
    """The token must be for one of these; empty: for the API server itself."""
    cache_seconds: float = 10.0
    """Seconds for which a review's answer is used again; a withdrawn right lasts so long."""
    timeout_seconds: float = 5.0
    """Seconds that the API server may take."""


class Auth(config.Section, frozen=True, kw_only=True):
    """How it is decided who is asking. Nothing configured: every request is answered 401."""

    modes: tuple[ModeName, ...] = ()
    """The ways of identification, in the order in which they are tried; the first that applies to
    a request decides."""
    trusted_header: TrustedHeader = TrustedHeader()
    jwt: Jwt = Jwt()
    apikey: ApiKey = ApiKey()
    mtls: Mtls = Mtls()
    kubernetes: Kubernetes = Kubernetes()

    def __post_init__(self) -> None:
        """Refuse settings that contradict one another."""
        if len(set(self.modes)) < len(self.modes):
            raise ValueError("modes names one twice")
        header = self.trusted_header
        needs = {
            "trusted-header": (
                "trusted_header.networks or trusted_header.certificates",
                header.networks or header.certificates,
            ),
            "jwt": ("jwt.issuers", self.jwt.issuers),
            "apikey": ("apikey.file", self.apikey.file),
            "mtls": ("mtls.grants", self.mtls.grants),
        }
        for mode, (setting, value) in needs.items():
            if mode in self.modes and not value:
                raise ValueError(f"mode {mode} needs {setting}")

    @property
    def needs_certificates(self) -> bool:
        """Whether a mode looks at client certificates."""
        header = "trusted-header" in self.modes and bool(self.trusted_header.certificates)
        return header or "mtls" in self.modes
