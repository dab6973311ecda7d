"""What Kubernetes and Prometheus allow as names; pure.

Names end in URLs, in selectors and in labels, so each is checked before it is used.
"""

import re

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(rf"{_DNS_LABEL.pattern}(\.{_DNS_LABEL.pattern})*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def is_dns_label(text: str) -> bool:
    """Whether `text` may be a namespace or a service (RFC 1123)."""
    return _DNS_LABEL.fullmatch(text) is not None


def is_dns_subdomain(text: str) -> bool:
    """Whether `text` may be the name of an object (RFC 1123)."""
    return len(text) <= 253 and _DNS_SUBDOMAIN.fullmatch(text) is not None


def is_label_name(text: str) -> bool:
    """Whether every Prometheus takes `text` as the name of a label."""
    return _LABEL_NAME.fullmatch(text) is not None
