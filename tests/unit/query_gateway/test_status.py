"""What clients probe is answered without telling anything of the backends."""

import pytest

from query_gateway import status
from tenantry_common.contracts import Backend, UpstreamTraits


def backend(version: str, **traits: object) -> Backend:
    return Backend(
        id=version,
        url="http://secret",
        ha_set="a",
        version=version,
        traits=UpstreamTraits(**traits),  # type: ignore[arg-type]  # a table of traits
    )


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([], "2.42.0"),
        (["3.5.0"], "3.5.0"),
        (["3.10.1", "3.9.2"], "3.9.2"),
        (["v2.53.1+ds", "3.0.0"], "2.53.1"),
        (["3.5.0", ""], "2.42.0"),
        (["thanos"], "2.42.0"),
    ],
)
def test_the_lowest_version_is_told(versions: list[str], expected: str) -> None:
    assert status.build_info(list(map(backend, versions))) == {
        "version": expected,
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }


def test_only_the_time_of_the_start_is_told_of_the_process() -> None:
    told = {name: value for name, value in status.runtime_info(86400.5).items() if value}

    assert told == {
        "startTime": "1970-01-02T00:00:00Z",
        "lastConfigTime": "1970-01-02T00:00:00Z",
        "reloadConfigSuccess": True,
    }


def test_features_are_those_that_every_backend_has() -> None:
    new = backend("3.12.0", major=3, experimental_functions=True)
    old = backend("2.42.0", major=2)

    assert status.features([new])["api"]["search"]
    assert status.features([new])["promql_functions"]["info"]
    for known in ([new, old], []):
        assert not status.features(known)["api"]["search"]
        assert not status.features(known)["promql_functions"]["info"]
        assert status.features(known)["promql_functions"]["rate"]
    assert not status.features([new])["api"]["admin"]
