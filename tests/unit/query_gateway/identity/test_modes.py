"""The first mode that applies decides, in the configured order."""

from pathlib import Path

import pytest
import trustme
from prometheus_client import CollectorRegistry

from query_gateway.failures import Failure
from query_gateway.identity.modes import Modes, configured
from query_gateway.identity.presented import Presented
from query_gateway.identity.principal import Held, ModeName, Principal
from query_gateway.identity.settings import (
    ApiKey,
    Auth,
    Grant,
    Issuer,
    Jwt,
    Kubernetes,
    Mtls,
    TrustedHeader,
)
from query_gateway.metrics import Metrics
from tenantry_common import errors


class Fixed:
    """A mode that says what a test wants; a `Mode`."""

    def __init__(self, answer: str | Failure | None) -> None:
        self._answer = answer

    async def identify(self, presented: Presented) -> Principal | None:
        """Return or raise the answer."""
        if isinstance(self._answer, Failure):
            raise self._answer
        return principal(self._answer) if self._answer else None


def principal(name: str) -> Principal:
    return Principal(mode="jwt", name=name, tenants=Held(frozenset()))


NOBODY = Presented(peer=None)
WRONG = Failure("unauthenticated", "wrong")


@pytest.mark.parametrize(
    ("answers", "name"),
    [
        pytest.param(["a", "b"], "a", id="the first"),
        pytest.param([None, "b"], "b", id="the first that applies"),
        pytest.param(["a", WRONG], "a", id="those behind it are not asked"),
    ],
)
async def test_the_first_that_applies_decides(
    answers: list[str | Failure | None], name: str
) -> None:
    assert await Modes([*map(Fixed, answers)]).identify(NOBODY) == principal(name)


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        pytest.param([], "nothing that this gateway accepts", id="no mode"),
        pytest.param([None, None], "nothing that this gateway accepts", id="none applies"),
        pytest.param([None, WRONG, "c"], "wrong", id="one that applies and refuses"),
    ],
)
async def test_otherwise_nobody_is_believed(answers: list[str | Failure | None], text: str) -> None:
    with pytest.raises(Failure, match=text) as raised:
        await Modes([*map(Fixed, answers)]).identify(NOBODY)

    assert raised.value.kind == "unauthenticated"


ALL: dict[ModeName, str] = {
    "kubernetes": "Kubernetes",
    "jwt": "Jwt",
    "mtls": "Mtls",
    "apikey": "ApiKeys",
    "trusted-header": "TrustedHeader",
}


def auth(tmp_path: Path, *, ca_file: str = "") -> Auth:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: a, clusters: [{name: a, cluster: "
        "{server: 'http://127.0.0.1:1'}}], users: [{name: a, user: {}}], "
        "contexts: [{name: a, context: {cluster: a, user: a}}]}"
    )
    issuer = Issuer(issuer="https://issuer.example", audiences=("a",), ca_file=ca_file)
    return Auth(
        modes=tuple(ALL),
        trusted_header=TrustedHeader(networks=("10.0.0.0/8",)),
        jwt=Jwt(issuers=(issuer,)),
        apikey=ApiKey(file=str(tmp_path / "keys.yaml")),
        mtls=Mtls(grants=(Grant(name="cn:a", tenants=("a",)),)),
        kubernetes=Kubernetes(kubeconfig=str(kubeconfig)),
    )


async def test_all_modes_together(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.crt"
    trustme.CA().cert_pem.write_to_path(ca_file)
    async with configured(
        auth(tmp_path, ca_file=str(ca_file)), Metrics(CollectorRegistry())
    ) as modes:
        assert [type(mode).__name__ for mode in modes.modes] == list(ALL.values())
        assert sorted(modes.background) == ["api keys", "keys of https://issuer.example"]


async def test_a_ca_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match="ca_file /nowhere"):
        async with configured(auth(tmp_path, ca_file="/nowhere"), Metrics(CollectorRegistry())):
            pass
