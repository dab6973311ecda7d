"""A file of keys is believed as a whole or not at all, and complaints show no hash."""

import pytest

from query_gateway.identity.apikey import SECTION, Entry
from query_gateway.identity.principal import Every, Held
from tenantry_common import api_key, key_file
from tenantry_common.key_file import NotAKeyFile

HASH = api_key.make("secret-secret-secret-secret")
STAR = '["*"]'


def entry(**changed: object) -> str:
    fields = {"id": "a", "hash": f"'{HASH}'", "tenants": "[shop]", **changed}
    return "{" + ", ".join(f"{name}: {value}" for name, value in fields.items() if value) + "}"


def test_keys_by_id() -> None:
    keys = key_file.parse(
        f"keys:\n- {entry()}\n- {entry(id='b', tenants='[shop, bank]')}\n"
        f"- {entry(id='admin', tenants=STAR)}\n".encode(),
        SECTION,
        Entry,
    )

    assert {id: one.held for id, one in keys.items()} == {
        "a": Held(frozenset({"shop"})),
        "b": Held(frozenset({"shop", "bank"})),
        "admin": Every(),
    }


@pytest.mark.parametrize(
    ("expires", "ended"),
    [
        pytest.param("", False, id="never"),
        pytest.param("1970-01-01T00:01:41Z", False, id="later"),
        pytest.param("1970-01-01T00:01:40Z", True, id="now"),
        pytest.param("1970-01-01T01:01:40+01:00", True, id="now, elsewhere"),
        pytest.param("'1970-01-01T00:01:40Z'", True, id="as text"),
    ],
)
def test_a_key_ends(expires: str, ended: bool) -> None:
    assert (
        key_file.parse(f"keys: [{entry(expires=expires)}]".encode(), SECTION, Entry)["a"].ended(100)
        == ended
    )


@pytest.mark.parametrize("text", ["", "keys: []"])
def test_a_file_without_keys(text: str) -> None:
    assert key_file.parse(text.encode(), SECTION, Entry) == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param(f"keys: [{entry()}, {entry()}]", "same id", id="twice"),
        pytest.param("keys: [{id: a}]", r"\$\.keys\[0\]", id="no hash"),
        pytest.param(
            f"keys: [{entry(hash='plain')}]", "neither a scrypt", id="no hash, but a text"
        ),
        pytest.param(f"keys: [{entry(tenants='[]')}]", "bound to tenants", id="no tenants"),
        pytest.param(f"keys: [{entry(tenants='shop')}]", "Expected `array`", id="one tenant"),
        pytest.param(f"keys: [{entry(expires='2027-01-01T00:00:00')}]", "time zone", id="no zone"),
        pytest.param(f"keys: [{entry(expires='2027-02-30')}]", "not YAML", id="no date"),
        pytest.param(f"keys: [{entry(expires='2027-02-03')}]", "datetime", id="a date alone"),
        pytest.param("[" * 9000, "not YAML", id="deep"),
        pytest.param(f"keys: [{entry(tenant='shop')}]", "unknown field `tenant`", id="misspelt"),
        pytest.param(f"keys: [{entry()}]\nkey: 1", "unknown field", id="misspelt at the top"),
        pytest.param(f"- {entry()}", "Expected `object`", id="a list"),
        pytest.param("keys: [", "not YAML: line 1", id="half written"),
        pytest.param("\0", "not YAML", id="binary"),
    ],
)
def test_a_mistake_is_told(text: str, complaint: str) -> None:
    with pytest.raises(NotAKeyFile, match=complaint) as raised:
        key_file.parse(text.encode(), SECTION, Entry)

    assert HASH not in str(raised.value)
