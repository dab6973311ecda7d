"""Scrapes come from those who hold a key, and see the tenants that it is bound to."""

import base64
from collections.abc import Collection
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from receiver.federate.scrapers import SECTION, Admission, Scraper
from tenantry_common import api_key, key_file
from tenantry_common.contents import Unreadable

KEYS = {name: api_key.new(name) for name in ("team", "platform")}
HASHES = {name: api_key.make(key.split("_", 2)[2], ln=10) for name, key in KEYS.items()}
DOCUMENT = f"""
scrapers:
- {{id: team, hash: "{HASHES["team"]}", tenants: [team-a]}}
- {{id: platform, hash: "{HASHES["platform"]}", tenants: ["*"]}}
""".encode()


async def admitted(
    authorization: str, content: bytes | Unreadable = DOCUMENT
) -> Collection[str] | None:
    keys = key_file.Keys(SECTION, Scraper, told=lambda result: None)
    keys.take({Path("/scrapers.yaml"): content})
    headers = {"Authorization": authorization} if authorization else {}
    return await Admission(keys).admit(make_mocked_request("GET", "/federate", headers=headers))


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{key}".encode()).decode()


async def test_a_key_says_which_tenants_are_seen() -> None:
    assert await admitted(f"Bearer {KEYS['team']}") == ("team-a",)
    assert await admitted(basic(KEYS["team"])) == ("team-a",)
    assert await admitted(f"Bearer {KEYS['platform']}") is None


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer x", f"Bearer {api_key.new('team')}", "Basic !!", "Digest x", basic("x")],
)
async def test_others_are_not_let_in(authorization: str) -> None:
    with pytest.raises(web.HTTPUnauthorized):
        await admitted(authorization)


@pytest.mark.parametrize(
    "content",
    [
        Unreadable("gone"),
        DOCUMENT.replace(b"[team-a]", b"[]"),
        DOCUMENT.replace(b"[team-a]", b"['']"),
    ],
)
async def test_nobody_is_let_in_while_the_keys_cannot_be_read(content: bytes | Unreadable) -> None:
    with pytest.raises(web.HTTPServiceUnavailable):
        await admitted(f"Bearer {KEYS['platform']}", content)
