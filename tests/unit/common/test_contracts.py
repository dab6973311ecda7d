"""Messages between services: tolerant of new fields, strict about newer schemas and garbage."""

import msgspec
import pytest

from tenantry_common import contracts, errors

POLICY = contracts.TenantPolicy(
    tenant="team-a",
    digest="d",
    rules=((contracts.Matcher("__name__", "=", "up"),),),
    objects=("web",),
)


def test_a_message_reads_back_as_it_was_written() -> None:
    assert contracts.decode_policy(contracts.encode(POLICY)) == POLICY


def test_equal_messages_have_equal_bytes() -> None:
    one = contracts.Backend(id="a", url="u", ha_set="s", labels={"x": "1", "y": "2"})
    other = contracts.Backend(id="a", url="u", ha_set="s", labels={"y": "2", "x": "1"})

    assert contracts.encode(one) == contracts.encode(other)


def test_a_field_of_a_newer_version_is_ignored() -> None:
    raw = msgspec.msgpack.decode(contracts.encode(POLICY))

    assert contracts.decode_policy(msgspec.msgpack.encode(raw | {"added_later": 1})) == POLICY


def test_a_newer_schema_is_refused_with_advice() -> None:
    raw = msgspec.msgpack.decode(contracts.encode(POLICY)) | {"schema": contracts.SCHEMA + 1}

    with pytest.raises(errors.NewerSchema, match="upgrade this service"):
        contracts.decode_policy(msgspec.msgpack.encode(raw))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc1", id="not MessagePack"),
        pytest.param(msgspec.msgpack.encode({"tenant": 3}), id="wrong type"),
        pytest.param(msgspec.msgpack.encode({"tenant": "a"}), id="a field is missing"),
        pytest.param(b"\xa3\xff\xff\xff", id="not UTF-8"),
    ],
)
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(errors.Undecodable):
        contracts.decode_policy(data)


def test_a_digest_depends_on_the_value_only() -> None:
    assert contracts.digest({"a": 1, "b": 2}) == contracts.digest({"b": 2, "a": 1})
    assert contracts.digest({"a": 1}) != contracts.digest({"a": 2})
