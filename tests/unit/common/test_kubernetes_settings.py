"""What contradicts itself is refused before anybody is asked."""

import msgspec
import pytest

from tenantry_common.kubernetes_settings import Settings


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"url": "https://x", "kubeconfig": "y"}, id="two servers"),
        pytest.param({"token_file": "y"}, id="a token for nothing"),
        pytest.param({"kubeconfig": "x", "ca_file": "y"}, id="a CA for a kubeconfig"),
    ],
)
def test_settings_that_contradict_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(settings, Settings)
