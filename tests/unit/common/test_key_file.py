"""Keys are believed only while the file says so."""

from pathlib import Path

import pytest

from tenantry_common import api_key, key_file
from tenantry_common.contents import Unreadable
from tenantry_common.key_file import Entry, Keys, NotAKeyFile, Unbelieved

KEY = api_key.new("ann")
HASH = api_key.make(KEY.split("_", 2)[2], ln=10)
FILE = Path("/keys.yaml")


class Holder(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key with a field of its own."""

    may: str = ""


def document(*entries: str) -> bytes:
    return ("people:\n" + "".join(f"- {{{entry}}}\n" for entry in entries)).encode()


ANN = f'id: ann, hash: "{HASH}", may: read'


def keys(content: bytes | Unreadable, now: float = 0.0) -> Keys[Holder]:
    told: list[str] = []
    found = Keys("people", Holder, told=told.append, now=lambda: now)
    found.take({FILE: content})
    assert told == ["read" if found.readable else "failed"]
    return found


async def test_the_holder_of_a_key_is_found() -> None:
    assert (await keys(document(ANN)).holder(KEY)).may == "read"


@pytest.mark.parametrize(
    "presented",
    [
        pytest.param("", id="nothing"),
        pytest.param("tnt_ann", id="half a key"),
        pytest.param(KEY[:-1] + ("A" if KEY[-1] != "A" else "B"), id="another secret"),
        pytest.param(api_key.new("bob"), id="nobody"),
    ],
)
async def test_what_is_no_key_is_not_believed(presented: str) -> None:
    with pytest.raises(Unbelieved, match="not valid"):
        await keys(document(ANN)).holder(presented)


async def test_a_key_ends() -> None:
    entry = f"{ANN}, expires: 2027-01-01T00:00:00Z"

    assert (await keys(document(entry), now=1_798_761_599.0).holder(KEY)).id == "ann"
    with pytest.raises(Unbelieved, match="expired"):
        await keys(document(entry), now=1_798_761_600.0).holder(KEY)


async def test_a_key_that_is_taken_out_is_not_believed_any_more() -> None:
    found = keys(document(ANN))
    await found.holder(KEY)

    found.take({FILE: document()})

    with pytest.raises(Unbelieved):
        await found.holder(KEY)


async def test_nobody_is_believed_while_the_file_cannot_be_read() -> None:
    found = keys(document(ANN))
    found.take({FILE: Unreadable("gone")})

    assert not found.readable
    with pytest.raises(Unbelieved):
        await found.holder(KEY)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"people: [", "not YAML: line 1", id="not YAML"),
        pytest.param(b"\xff\xfe\xff", "not YAML", id="not UTF-8"),
        pytest.param(b"others: []", "unknown field `others`", id="another section"),
        pytest.param(document("id: ann"), "hash", id="a field is missing"),
        pytest.param(document(f"{ANN}, x: 1"), "unknown field `x`", id="a field too many"),
        pytest.param(document('id: a, hash: "$2b$12$x"'), "hash: not a scrypt", id="a hash"),
        pytest.param(document(ANN, ANN), "the same id", id="twice"),
        pytest.param(document(f"{ANN}, expires: 2027-02-30"), "not YAML", id="a date that is none"),
        pytest.param(document(f"{ANN}, expires: 2027-02-03T00:00:00"), "time zone", id="no zone"),
    ],
)
def test_a_file_that_is_wrong_says_where(content: bytes, told: str) -> None:
    with pytest.raises(NotAKeyFile, match=told) as raised:
        key_file.parse(content, "people", Holder)
    assert HASH not in str(raised.value)
