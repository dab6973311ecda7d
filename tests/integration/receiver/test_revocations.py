"""What was revoked is not believed, and nothing is before it is known what was."""

import pytest
from tests.integration.receiver.conftest import Site

from receiver.identity.source import Source
from receiver.refusal import Refused
from receiver.revocations import Revocations
from tenantry_common import contracts, kv, subjects
from tenantry_common.subjects import JobRef
from tenantry_common.testing import mirror

SOURCE = Source(job=JobRef("t", "j"), cluster="c", mode="token", credential="x", token="y")  # noqa: S106


@pytest.mark.parametrize(
    ("kind", "name", "revoked"),
    [
        pytest.param("cluster", "t/j/c", True, id="the cluster"),
        pytest.param("credential", "x", True, id="its credential"),
        pytest.param("token", "y", True, id="its token"),
        pytest.param("cluster", "t/k/c", False, id="the cluster for another job"),
        pytest.param("token", "x", False, id="another kind"),
    ],
)
async def test_a_revocation(site: Site, kind: str, name: str, revoked: bool) -> None:
    message = contracts.Revocation(kind=kind, name=name, at_ms=0)  # type: ignore[arg-type]
    key = subjects.revocation_key(kind, name)
    await kv.put(site.bus, subjects.REVOCATIONS, key, contracts.encode(message))

    async with mirror(site.bus, subjects.REVOCATIONS, contracts.decode_revocation) as view:
        assert Revocations(view).revoked(SOURCE) is revoked


async def test_an_entry_that_cannot_be_read_revokes_too(site: Site) -> None:
    await kv.put(site.bus, subjects.REVOCATIONS, subjects.revocation_key("token", "y"), b"?")

    async with mirror(site.bus, subjects.REVOCATIONS, contracts.decode_revocation) as view:
        assert Revocations(view).revoked(SOURCE)


async def test_before_the_list_is_read_nobody_is_believed(site: Site) -> None:
    view = kv.KvView(site.bus, subjects.REVOCATIONS, contracts.decode_revocation)

    with pytest.raises(Refused) as refused:
        Revocations(view).revoked(SOURCE)
    assert refused.value.status == 503
