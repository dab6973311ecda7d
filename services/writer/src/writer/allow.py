"""Decide whether batches may be sent to an endpoint; pure.

A tenant chooses the URL of a `remote_write` target, and the writer stands inside the cluster: what
the platform's owner has not listed is refused, and nothing is listed by default. URLs are taken
apart by the library that the HTTP client uses, so that both see the same host.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp.helpers import is_ip_address
from yarl import URL

from tenantry_common import contracts

_DEFAULT_PORTS = {"http": 80, "https": 443}
_OURS = frozenset(
    (
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",  # would choose another virtual host behind an address that is allowed
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-prometheus-remote-write-version",
    )
)


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """One entry of the allow-list; what is empty or 0 is not asked for."""

    scheme: str
    host: str
    """Lower case; `*.` before it stands for one or more labels."""
    port: int
    """0: the scheme's own port."""
    path: str
    """Ends in a slash; the URL's path begins with it, or is it without the slash."""


def parse(patterns: Sequence[str]) -> tuple[Pattern, ...]:
    """Read the allow-list. Raises ValueError naming the entry."""
    return tuple(_pattern(index, text) for index, text in enumerate(patterns))


def _pattern(index: int, text: str) -> Pattern:
    where = f"$.remote_write_allow[{index}]: {text!r}"
    try:
        url = URL(text if "://" in text else f"//{text}")
        port = url.explicit_port or 0
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    host = (url.host or "").lower()
    if url.scheme not in ("", "http", "https"):
        raise ValueError(f"{where}: only http and https are spoken")
    if not host.removeprefix("*.") or "*" in host.removeprefix("*."):
        raise ValueError(f"{where}: a host is needed, with * only as its first label")
    if url.user or url.password or url.query_string or url.fragment:
        raise ValueError(f"{where}: only a scheme, a host, a port and a path can be asked for")
    return Pattern(scheme=url.scheme, host=host, port=port, path=url.path.rstrip("/") + "/")


def refusal(endpoint: contracts.Endpoint, allowed: Sequence[Pattern]) -> str:
    """Return why nothing may be sent to `endpoint`, empty when it may."""
    names = [*endpoint.headers, *endpoint.secret_headers]
    if taken := sorted(_OURS & {name.lower() for name in names}):
        return f"header {taken[0]!r} is the writer's own and cannot be set"
    if any(not _header_is_plain(item) for item in endpoint.headers.items()):
        return "a header holds control characters"
    if reason := _url_refusal(endpoint.url, endpoint.kind, allowed):
        return reason
    if endpoint.oauth2 is not None:
        reason = _url_refusal(endpoint.oauth2.token_url, "remote_write", allowed)
        return reason and f"token URL: {reason}"
    if endpoint.authorize is not None and endpoint.authorize.url:
        reason = _url_refusal(endpoint.authorize.url, "remote_write", allowed)
        return reason and f"authorize URL: {reason}"
    return ""


def _url_refusal(text: str, kind: contracts.EndpointKind, allowed: Sequence[Pattern]) -> str:
    try:
        url = URL(text)
    except ValueError:
        return "the target is not a URL"
    if url.scheme not in _DEFAULT_PORTS or not url.host:
        return "the target is not an http or https URL"
    if url.user or url.password:
        return "credentials in a URL are not taken, use basicAuth"
    if ".." in url.path.split("/"):  # what was written %2F is a slash to some servers
        return "the path of the target climbs"
    if kind not in (
        "remote_write",
        "telemeter",
    ):  # computed by the tenant-controller, not chosen by a tenant
        return ""
    if any(_matches(pattern, url) for pattern in allowed):
        return ""
    return f"the platform does not allow targets at {url.host} (remote_write_allow)"


def _header_is_plain(item: tuple[str, str]) -> bool:
    return all(text.isprintable() for text in item)


def _matches(pattern: Pattern, url: URL) -> bool:
    wanted_port = pattern.port or _DEFAULT_PORTS[url.scheme]
    return (
        pattern.scheme in ("", url.scheme)
        and url.port == wanted_port
        and _host_matches(pattern.host, (url.host or "").lower())
        and (url.path.rstrip("/") + "/").startswith(pattern.path)
    )


def _host_matches(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return (
            host.endswith(pattern[1:])
            and len(host) > len(pattern) - 1
            and not is_ip_address(host)  # has no domain above it
        )
    return host == pattern
