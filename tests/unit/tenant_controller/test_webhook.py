"""The webhook answers the API server over TLS, also after its certificate was renewed."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import trustme
from prometheus_client import CollectorRegistry
from tests.unit.tenant_controller.compiling import item
from tests.unit.tenant_controller.test_admission import review

from tenant_controller import config
from tenant_controller.metrics import Metrics
from tenant_controller.webhook import PATH, Webhook
from tenantry_common import config as common_config


class Served:
    """A running webhook, and those who sign its certificates."""

    def __init__(self, webhook: Webhook, folder: Path, registry: CollectorRegistry) -> None:
        self.webhook = webhook
        self.folder = folder
        self.registry = registry

    async def ask(self, content: bytes, authority: trustme.CA) -> tuple[int, str]:
        """Post a review as an API server that trusts `authority`; return status and text."""
        context = ssl.create_default_context()
        authority.configure_trust(context)
        url = f"https://127.0.0.1:{self.webhook.port}{PATH}"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=content, ssl=context) as response,
        ):
            return response.status, await response.text()

    def count(self, answer: str) -> float:
        """Return how many reviews were answered so."""
        name = "tenantry_tenant_controller_admission_reviews_total"
        return self.registry.get_sample_value(name, {"answer": answer}) or 0


def certify(authority: trustme.CA, folder: Path) -> None:
    made = authority.issue_cert("127.0.0.1")
    made.private_key_and_cert_chain_pem.write_to_path(str(folder / "tls.pem"))


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Served]:
    path = str(folder / "tls.pem")
    settings = config.Webhook(
        tls=common_config.Tls(cert_file=path, key_file=path), host="127.0.0.1", port=0
    )
    registry = CollectorRegistry()
    webhook = Webhook(settings, Metrics(registry))
    await webhook.start()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(webhook.run())
        yield Served(webhook, folder, registry)
        task.cancel()


async def test_reviews_are_answered(tmp_path: Path) -> None:
    authority = trustme.CA()
    certify(authority, tmp_path)
    async with serving(tmp_path) as served:
        status, good = await served.ask(review(item("up")), authority)
        assert (status, '"allowed": true' in good) == (200, True)
        status, bad = await served.ask(review(item("up{")), authority)
        assert (status, '"allowed": false' in bad) == (200, True)
        assert "spec.metrics[0]" in bad
        status, _ = await served.ask(b"{", authority)
        assert status == 400

        counts = [served.count(answer) for answer in ("allowed", "refused", "error")]
        assert counts == [1, 1, 1]


async def test_a_renewed_certificate_is_used(tmp_path: Path) -> None:
    before, after = trustme.CA(), trustme.CA()
    certify(before, tmp_path)
    async with serving(tmp_path) as served:
        assert (await served.ask(review(item("up")), before))[0] == 200

        certify(after, tmp_path)
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(aiohttp.ClientConnectorCertificateError):
                    assert (await served.ask(review(item("up")), after))[0] == 200
                    break
                await asyncio.sleep(0.05)
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await served.ask(review(item("up")), before)
