"""Names are what Kubernetes and Prometheus allow, to the letter."""

from collections.abc import Callable

import pytest

from tenant_controller import names


@pytest.mark.parametrize(
    ("allowed", "text", "expected"),
    [
        pytest.param(names.is_dns_label, "team-web", True, id="namespace"),
        pytest.param(names.is_dns_label, "0", True, id="one digit"),
        pytest.param(names.is_dns_label, "a" * 63, True, id="63 characters"),
        pytest.param(names.is_dns_label, "a" * 64, False, id="64 characters"),
        pytest.param(names.is_dns_label, "Team", False, id="upper case"),
        pytest.param(names.is_dns_label, "a.b", False, id="dot"),
        pytest.param(names.is_dns_label, "-a", False, id="dash first"),
        pytest.param(names.is_dns_label, "a\n", False, id="line feed at the end"),
        pytest.param(names.is_dns_label, "a/../b", False, id="path"),
        pytest.param(names.is_dns_subdomain, "web.metrics-1", True, id="object name"),
        pytest.param(names.is_dns_subdomain, "a..b", False, id="empty part"),
        pytest.param(names.is_dns_subdomain, ".".join(["a"] * 127), True, id="253 characters"),
        pytest.param(names.is_dns_subdomain, ".".join(["a"] * 128), False, id="255 characters"),
        pytest.param(names.is_label_name, "_a1", True, id="label"),
        pytest.param(names.is_label_name, "1a", False, id="digit first"),
        pytest.param(names.is_label_name, "a-b", False, id="dash in a label"),
        pytest.param(names.is_label_name, "a:b", False, id="colon in a label"),
        pytest.param(names.is_label_name, "", False, id="empty"),
    ],
)
def test_names(allowed: Callable[[str], bool], text: str, expected: bool) -> None:
    assert allowed(text) is expected
