"""A status says whether a backend does not serve something, or not now."""

import pytest

from discovery.observation import Silent, refusal


@pytest.mark.parametrize(
    ("status", "closed"),
    [
        pytest.param(404, True, id="another product"),
        pytest.param(403, True, id="closed by the operator"),
        pytest.param(302, True, id="a sign-in page"),
        pytest.param(503, False, id="starting"),
        pytest.param(429, False, id="busy"),
        pytest.param(500, False, id="failing"),
    ],
)
def test_only_a_lasting_refusal_counts_as_closed(status: int, closed: bool) -> None:
    assert refusal("/x", status) == Silent(f"/x answered {status}", closed=closed)
