"""What the proof holds to be permitted is what the example manifest says."""

import pytest

from tenantry_cli.demo import proof


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param({"__name__": "http_requests_total", "namespace": "team-web"}, True, id="own"),
        pytest.param({"__name__": "queue_depth", "namespace": "team-web"}, True, id="by prefix"),
        pytest.param({"__name__": "up", "job": "web"}, True, id="by job"),
        pytest.param(
            {"__name__": "http_requests_total", "namespace": "team-batch"}, False, id="another's"
        ),
        pytest.param({"__name__": "up", "job": "vault"}, False, id="another job"),
        pytest.param({"__name__": "node_load1"}, False, id="queried only, not delivered"),
    ],
)
def test_permitted(labels: dict[str, str], expected: bool) -> None:
    assert proof.permitted(labels) is expected
