"""A key identifies its holder until the file says otherwise."""

import asyncio
import base64
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from query_gateway.failures import Failure
from query_gateway.identity.apikey import ApiKeys
from query_gateway.identity.presented import Presented
from query_gateway.identity.principal import Held, Principal
from query_gateway.metrics import Metrics
from tenantry_common import api_key
from tenantry_common.contents import Unreadable

PATH = Path("/keys.yaml")
KEY = api_key.new("grafana")
OTHER = api_key.new("other")
SHOP = Principal(mode="apikey", name="key grafana", tenants=Held(frozenset({"shop"})))


def secret(text: str) -> str:
    key = api_key.read(text)
    assert key is not None
    return key.secret


HASH = api_key.make(secret(KEY), ln=10)


def file(**changed: object) -> bytes:
    entry = {"id": "grafana", "hash": HASH, "tenants": ["shop"], **changed}
    return yaml.safe_dump({"keys": [entry]}).encode()


def keys(contents: bytes | Unreadable | None = None, *, now: float = 100.0) -> ApiKeys:
    made = ApiKeys(PATH, Metrics(CollectorRegistry()), now=lambda: now)
    made.take({PATH: file() if contents is None else contents})
    return made


def bearer(text: str) -> Presented:
    return Presented(peer=None, authorization=(f"Bearer {text}",))


def basic(user: str, text: str) -> Presented:
    encoded = base64.b64encode(f"{user}:{text}".encode()).decode()
    return Presented(peer=None, authorization=(f"Basic {encoded}",))


@pytest.mark.parametrize(
    "presented",
    [
        pytest.param(Presented(peer=None, keys=(KEY,)), id="X-API-Key"),
        pytest.param(bearer(KEY), id="bearer"),
        pytest.param(basic("anybody", KEY), id="password of HTTP basic"),
        pytest.param(basic("", KEY), id="password without a user"),
    ],
)
async def test_a_key_is_presented_in_several_ways(presented: Presented) -> None:
    made = keys()

    assert [await made.identify(presented) for _ in range(2)] == [SHOP, SHOP]


@pytest.mark.parametrize(
    "presented",
    [
        pytest.param(Presented(peer=None), id="nothing"),
        pytest.param(bearer("x.y.z"), id="a token"),
        pytest.param(basic("user", "password"), id="another password"),
        pytest.param(Presented(peer=None, keys=("",)), id="an empty header"),
    ],
)
async def test_other_credentials_are_for_other_modes(presented: Presented) -> None:
    assert await keys().identify(presented) is None


def altered(text: str) -> str:
    return text[:-1] + ("A" if text[-1] != "A" else "B")


@pytest.mark.parametrize(
    ("made", "text", "complaint"),
    [
        pytest.param(keys, altered(KEY), "is not valid", id="a wrong secret"),
        pytest.param(keys, OTHER, "is not valid", id="an unknown id"),
        pytest.param(
            keys, f"tnt_grafana_{secret(OTHER)}", "is not valid", id="another key's secret"
        ),
        pytest.param(
            lambda: keys(file(expires="1970-01-01T00:01:40Z")), KEY, "has expired", id="over"
        ),
    ],
)
async def test_a_key_that_does_not_fit_is_refused(
    made: Callable[[], ApiKeys], text: str, complaint: str
) -> None:
    mode = made()
    for _ in range(2):  # the second time from memory
        with pytest.raises(Failure, match=complaint) as raised:
            await mode.identify(bearer(text))
        assert raised.value.kind == "unauthenticated"


async def test_the_file_counts_as_it_is_now() -> None:
    mode = keys()
    assert await mode.identify(bearer(KEY)) == SHOP

    mode.take({PATH: file(tenants=["bank"])})
    changed = await mode.identify(bearer(KEY))
    mode.take({PATH: b"keys: []"})

    assert changed is not None
    assert changed.tenants == Held(frozenset({"bank"}))
    with pytest.raises(Failure, match="is not valid"):
        await mode.identify(bearer(KEY))


@pytest.mark.parametrize("contents", [Unreadable("gone"), b"keys: ["])
async def test_when_the_file_cannot_be_read_nobody_can_say(
    contents: bytes | Unreadable, caplog: pytest.LogCaptureFixture
) -> None:
    mode = keys(contents)

    with pytest.raises(Failure) as raised:
        await mode.identify(bearer(KEY))

    assert raised.value.kind == "identity"
    assert "keys not read, none is believed" in caplog.messages


async def test_a_file_that_changes_while_a_key_is_checked_counts() -> None:
    mode = keys()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(outcome(mode, KEY))
        await asyncio.sleep(0)
        mode.take({PATH: b"keys: []"})

    assert task.result() == "unauthenticated"


async def outcome(mode: ApiKeys, text: str) -> str:
    try:
        await mode.identify(bearer(text))
    except Failure as failure:
        return failure.kind
    return "identified"


async def test_only_so_many_keys_are_checked_at_once() -> None:
    mode = keys()
    wrong: Sequence[str] = [f"tnt_grafana_{secret(api_key.new('x'))}" for _ in range(60)]
    async with asyncio.TaskGroup() as group:
        found = [group.create_task(outcome(mode, text)) for text in wrong]

    outcomes = [task.result() for task in found]
    assert (outcomes.count("unauthenticated"), outcomes.count("too_many")) == (50, 10)


async def until(mode: ApiKeys, expected: str) -> None:
    async with asyncio.timeout(5):
        while await outcome(mode, KEY) != expected:  # noqa: ASYNC110 - a file announces nothing
            await asyncio.sleep(0.02)


async def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_bytes(file())
    mode = ApiKeys(path, Metrics(CollectorRegistry()))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(mode.run())
        await until(mode, "identified")
        path.write_text("keys: []")
        await until(mode, "unauthenticated")
        task.cancel()
