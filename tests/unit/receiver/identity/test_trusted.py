"""Who vouches for a cluster is believed in its own place only."""

import pytest

from receiver.identity import trusted
from receiver.identity.presented import Presented
from receiver.identity.settings import Certificate as Known
from receiver.identity.settings import TrustedHeader
from receiver.refusal import Refused
from tenantry_common.peer_certificate import Certificate
from tenantry_common.subjects import JobRef

NETWORKS = TrustedHeader(networks=("10.0.0.0/8", "::1/128")).parsed()
KNOWN = (Known(name="dns:a.example.com", tenant="t", job="j", cluster="a"),)


@pytest.mark.parametrize(
    ("presented", "secret", "cluster"),
    [
        pytest.param(Presented(peer="10.1.2.3", source=("t/j/c",)), None, "c", id="a peer"),
        pytest.param(Presented(peer="10.1.2.3", source=("t/j/c/d",)), None, "c/d", id="a slash"),
        pytest.param(Presented(peer="::ffff:10.1.2.3", source=("t/j/c",)), None, "c", id="mapped"),
        pytest.param(Presented(peer="::1", source=("t/j/c",)), None, "c", id="IPv6"),
        pytest.param(Presented(peer="192.0.2.1", source=("t/j/c",)), None, None, id="no peer"),
        pytest.param(Presented(peer=None, source=("t/j/c",)), None, None, id="a Unix socket"),
        pytest.param(Presented(peer="10.1.2.3"), None, None, id="no header"),
        pytest.param(
            Presented(peer="10.1.2.3", source=("t/j/c",), secret=("s",)), "s", "c", id="a secret"
        ),
        pytest.param(
            Presented(peer="10.1.2.3", source=("t/j/c",), secret=("x",)), "s", None, id="another"
        ),
        pytest.param(
            Presented(peer="10.1.2.3", source=("t/j/c",), secret=("s", "s")), "s", None, id="twice"
        ),
        pytest.param(
            Presented(peer="10.1.2.3", source=("t/j/c",), secret=("",)), "", None, id="not read"
        ),
    ],
)
def test_a_header(presented: Presented, secret: str | None, cluster: str | None) -> None:
    found = trusted.by_header(presented, NETWORKS, secret)

    assert (found.cluster if found else None) == cluster


@pytest.mark.parametrize(
    "values", [("t/j",), ("t//c",), ("",), ("t/j/c", "t/j/d"), ("t/j/" + "x" * 256,)]
)
def test_a_header_that_says_nothing_is_refused(values: tuple[str, ...]) -> None:
    with pytest.raises(Refused) as refused:
        trusted.by_header(Presented(peer="10.1.2.3", source=values), NETWORKS, None)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("names", "not_after", "known"),
    [
        pytest.param(("dns:a.example.com",), 2.0, True, id="known"),
        pytest.param(("cn:a.example.com",), 2.0, False, id="another kind of name"),
        pytest.param(("dns:b.example.com",), 2.0, False, id="another name"),
        pytest.param(("dns:a.example.com",), 1.0, False, id="ended on a connection that goes on"),
    ],
)
def test_a_certificate(names: tuple[str, ...], not_after: float, known: bool) -> None:
    presented = Presented(certificate=Certificate(names=names, not_after=not_after))

    found = trusted.by_certificate(presented, KNOWN, 1.0)

    assert (found is not None) == known
    assert found is None or (found.job, found.cluster) == (JobRef("t", "j"), "a")
    assert trusted.by_certificate(Presented(), KNOWN, 1.0) is None
