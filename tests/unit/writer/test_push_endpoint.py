"""Groups by name, on a real Pushgateway."""

import aiohttp
import pytest

from tenantry_common import credentials
from tenantry_common.contracts import Endpoint
from tenantry_local.pushgateway import Pushgateway
from tenantry_local.testing import Factory
from writer import exchange, outcome
from writer.push_endpoint import PushEndpoint, group_url


def endpoint(job: str, url: str = "http://push:9091/base/") -> Endpoint:
    return Endpoint(id="push", kind="pushgateway", url=url, push_job=job)


@pytest.mark.parametrize(
    ("job", "path"),
    [
        pytest.param("a-b_c1", "/base/metrics/job/a-b_c1", id="plain"),
        pytest.param("a/b", "/base/metrics/job@base64/YS9i", id="a slash"),
        pytest.param("é", "/base/metrics/job@base64/w6k", id="not ASCII"),
        pytest.param("..", "/base/metrics/job@base64/Li4", id="dots"),
    ],
)
def test_a_group_has_a_url(job: str, path: str) -> None:
    assert str(group_url(endpoint(job))) == "http://push:9091" + path


async def metrics(url: str) -> list[str]:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as response:
        return [line for line in (await response.text()).splitlines() if line.startswith("m")]


@pytest.mark.parametrize("job", ["plain", "with/slash é"])
async def test_a_group_is_replaced_and_deleted(
    pushgateway_factory: Factory[Pushgateway], job: str
) -> None:
    gateway = await pushgateway_factory()
    async with exchange.session(5) as http:
        found = PushEndpoint(http, "t", endpoint(job, gateway.url), credentials.Folder(""))
        results = [await found.put(b"m 1\nm_x 2\n"), await found.put(b"m 3\n")]
        replaced = await metrics(gateway.url)
        results += [await found.delete(), await found.delete()]
        refused = await found.put(b"m{ 3\n")

    assert results == [outcome.Delivered()] * 4
    assert replaced == [f'm{{instance="",job="{job}"}} 3']
    assert await metrics(gateway.url) == []
    assert isinstance(refused, outcome.Split)
    assert refused.cause == "invalid"
