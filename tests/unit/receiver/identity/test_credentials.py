"""A credential is believed as the file says it now."""

from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from receiver.identity.credentials import SECTION, Credential, Credentials
from receiver.metrics import Metrics
from receiver.refusal import Refused
from tenantry_common import api_key, key_file
from tenantry_common.contents import Unreadable

PATH = Path("credentials.yaml")
TEXT, OTHER = api_key.new("fleet"), api_key.new("fleet")


def entry(**more: object) -> bytes:
    key = api_key.read(TEXT)
    assert key is not None
    one = {
        "id": "fleet",
        "hash": api_key.make(key.secret, ln=10),
        "tenant": "t",
        "job": "j",
        "clusters": ["a", "b"],
        **more,
    }
    return yaml.safe_dump({"credentials": [one]}).encode()


def credentials(document: bytes) -> Credentials:
    made = Credentials(Metrics(CollectorRegistry()), now=lambda: 1000.0)
    made.take({PATH: document})
    return made


async def refused(found: Credentials, text: str, cluster: str | None) -> int:
    with pytest.raises(Refused) as error:
        await found.identify(text, cluster)
    return error.value.status


async def test_a_credential_is_good_for_its_clusters() -> None:
    found = credentials(entry())
    source = await found.identify(TEXT, "a")

    assert (source.cluster, source.credential, str(source.job)) == ("a", "fleet", "t/j")
    assert await refused(found, TEXT, "c") == 403
    assert await refused(found, TEXT, None) == 403
    assert await refused(found, OTHER, "a") == 401
    assert await refused(found, api_key.new("other"), "a") == 401
    assert await refused(found, "nonsense", "a") == 401


async def test_the_only_cluster_need_not_be_named() -> None:
    source = await credentials(entry(clusters=["a"])).identify(TEXT, None)

    assert source.cluster == "a"


async def test_a_credential_ends() -> None:
    found = credentials(entry(expires="1970-01-01T00:16:40Z"))

    assert await refused(found, TEXT, "a") == 401


async def test_a_file_that_cannot_be_read_is_our_fault_and_no_refusal() -> None:
    found = credentials(entry())
    for contents in (b"[", Unreadable("gone")):
        found.take({PATH: contents})
        assert await refused(found, TEXT, "a") == 503
    found.take({PATH: b"credentials: []"})
    assert await refused(found, TEXT, "a") == 401


def test_entries_say_for_whom_they_are_good() -> None:
    (few,) = key_file.parse(entry(), SECTION, Credential).values()
    (one,) = key_file.parse(entry(clusters=["a"]), SECTION, Credential).values()
    (every,) = key_file.parse(entry(clusters=["*"]), SECTION, Credential).values()

    assert [few.permits(name) for name in ("a", "b", "c", "*")] == [True, True, False, False]
    assert every.permits("anybody")
    assert [found.only for found in (few, one, every)] == [None, "a", None]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"clusters": []}, id="no clusters"),
        pytest.param({"clusters": [""]}, id="an empty id"),
        pytest.param({"tenant": ""}, id="no tenant"),
        pytest.param({"job": ""}, id="no job"),
        pytest.param({"more": "x"}, id="an unknown field"),
        pytest.param({"hash": "secret-secret-secret-secret"}, id="the secret itself"),
    ],
)
def test_an_entry_that_is_wrong_spoils_the_file(fields: dict[str, object]) -> None:
    with pytest.raises(key_file.NotAKeyFile) as error:
        key_file.parse(entry(**fields), SECTION, Credential)
    assert "secret-secret" not in str(error.value)
