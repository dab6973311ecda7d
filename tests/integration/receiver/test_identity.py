"""Who pushes, seen from outside: tokens from /authorize, credentials, trusted peers, an upstream."""

import asyncio
import base64
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import trustme
import yaml
from aiohttp import web
from tests.integration.receiver.conftest import Site

from receiver import testing
from tenantry_common import api_key, contracts, kv, snappy_block, subjects
from tenantry_common.contracts import PushPolicy
from tenantry_common.proto import remote_pb2
from tenantry_local.ports import LOOPBACK, free_port

WRITE = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
REF = {"tenant": testing.JOB.tenant, "job": testing.JOB.name}


def credential(folder: Path, *clusters: str, id: str = "fleet.eu.1") -> tuple[str, Path]:
    """Return a credential for these clusters, and the file that receivers read."""
    text = api_key.new(id)
    key = api_key.read(text)
    assert key is not None
    entry = {"id": id, "hash": api_key.make(key.secret, ln=10), "clusters": list(clusters), **REF}
    path = folder / "credentials.yaml"
    path.write_text(yaml.safe_dump({"credentials": [entry]}))
    return text, path


def body(cluster: str) -> bytes:
    return testing.family("up", [({"_id": cluster}, 1.0, testing.now_ms())])


def write(cluster: str) -> bytes:
    request = remote_pb2.WriteRequest()
    series = request.timeseries.add()
    series.labels.add(name="__name__", value="up")
    series.labels.add(name="_id", value=cluster)
    series.samples.add(value=1.0, timestamp=testing.now_ms())
    return snappy_block.compress(request.SerializeToString())


async def authorize(site: Site, bearer: str, cluster: str, **more: Any) -> aiohttp.ClientResponse:
    headers = {"Authorization": f"Bearer {bearer}"}
    arguments: dict[str, Any] = {"params": {"id": cluster}, **more}
    async with site.session.post(
        f"{site.urls[0]}/authorize", headers=headers, **arguments
    ) as answer:
        await answer.read()
        return answer


async def pushed(site: Site, bearer: str, cluster: str) -> int:
    """Return the status of an upload."""
    headers = {"Authorization": f"Bearer {bearer}"}
    return (await site.upload(body(cluster), headers=headers)).status


async def test_a_credential_is_exchanged_for_a_token_as_telemeters_client_does(
    site: Site,
) -> None:
    text, path = credential(site.folder, "*")
    await site.start(auth={"credentials": {"file": str(path)}})
    await site.publish(testing.job(PushPolicy(sources=("*",), interval_ms=0, labels={"f": "x"})))

    by_parameter = await authorize(site, text, "cluster-a")
    by_form = await authorize(site, text, "cluster-a", params={}, data={"id": "cluster-a"})
    answer = await by_parameter.json()

    assert (by_parameter.status, by_form.status) == (200, 200)
    assert answer["version"] == 1
    assert answer["expiresInSeconds"] == 86_400
    assert answer["labels"] == {"_id": "cluster-a", "f": "x"}
    assert await pushed(site, answer["token"], "cluster-a") == 200
    assert await pushed(site, answer["token"], "cluster-b") == 403
    assert (await authorize(site, text[:-1] + "x", "cluster-a")).status == 401
    assert (await authorize(site, "tnt_other_" + "x" * 43, "cluster-a")).status == 401
    assert (await authorize(site, answer["token"], "cluster-a")).status == 401


async def test_a_credential_is_good_for_its_clusters_only(site: Site) -> None:
    text, path = credential(site.folder, "cluster-a")
    await site.start(auth={"credentials": {"file": str(path)}})
    await site.publish(testing.job())

    assert (await authorize(site, text, "cluster-a")).status == 200
    assert (await authorize(site, text, "cluster-b")).status == 403
    assert await pushed(site, text, "cluster-a") == 200, "the only one needs no token"


async def test_hostile_ids_are_bounded_and_change_nothing(site: Site) -> None:
    text, path = credential(site.folder, "*")
    await site.start(auth={"credentials": {"file": str(path)}})
    await site.publish(testing.job())

    for cluster in ("../../../evil", "a\nb", "ä€𝄞", "*", ">", "a.b.c", "%00", "x" * 255):
        answer = await authorize(site, text, cluster)
        assert answer.status == 200, cluster
        token = (await answer.json())["token"]
        assert await pushed(site, token, cluster) == 200, cluster
    assert (await authorize(site, text, "x" * 10_000)).status == 400
    assert (await authorize(site, text, "")).status == 400
    found = await site.bus.js.stream_info(subjects.LATEST, subjects_filter="latest.>")
    tokens = {subject.split(".")[3] for subject in found.state.subjects or {}}
    assert all(len(token) == 32 and token.isalnum() for token in tokens)


async def test_a_revocation_counts_on_every_instance_within_seconds(site: Site) -> None:
    text, path = credential(site.folder, "*")
    for _ in range(2):
        await site.start(auth={"credentials": {"file": str(path)}})
    await site.publish(testing.job())
    token = (await (await authorize(site, text, "cluster-a")).json())["token"]
    other = (await (await authorize(site, text, "cluster-b")).json())["token"]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))

    async def statuses(bearer: str, cluster: str) -> set[int]:
        headers = {"Authorization": f"Bearer {bearer}"}
        return {
            (await site.upload(body(cluster), headers=headers, url=url)).status for url in site.urls
        }

    assert await statuses(token, "cluster-a") == {200}
    for kind, name, bearer, cluster in (
        ("token", claims["jti"], token, "cluster-a"),
        ("cluster", "team-a/fleet/cluster-b", other, "cluster-b"),
    ):
        revocation = contracts.Revocation(kind=kind, name=name, at_ms=0)  # type: ignore[arg-type]
        key = subjects.revocation_key(kind, name)
        await kv.put(site.bus, subjects.REVOCATIONS, key, contracts.encode(revocation))
        began = time.monotonic()

        async def refused(bearer: str = bearer, cluster: str = cluster) -> bool:
            return await statuses(bearer, cluster) == {401}

        await site.until(refused)
        assert time.monotonic() - began < 15
    assert await statuses(site.issuer.token("cluster-c"), "cluster-c") == {200}


async def test_keys_rotate_and_a_withdrawn_one_is_not_believed(site: Site) -> None:
    await site.start()
    await site.publish(testing.job())
    old = site.issuer.token("cluster-a")
    other = testing.Issuer()
    both = (*site.issuer.keys, *other.keys)

    site.issuer.keys = both
    site.keys_file.write_bytes(site.issuer.document)
    new = other.token("cluster-a")

    async def answered(bearer: str, status: int) -> bool:
        return await pushed(site, bearer, "cluster-a") == status

    await site.until(lambda: answered(new, 200))
    assert await pushed(site, old, "cluster-a") == 200
    site.keys_file.write_bytes(other.document)
    await site.until(lambda: answered(old, 401))
    assert await pushed(site, new, "cluster-a") == 200


async def test_telemeters_form_of_credentials_comes_with_remote_writes(site: Site) -> None:
    text, path = credential(site.folder, "*")
    await site.start(auth={"credentials": {"file": str(path)}})
    await site.publish(testing.job())
    document = json.dumps({"authorization_token": text, "cluster_id": "cluster-a"}).encode()
    headers = {**WRITE, "Authorization": f"Bearer {base64.b64encode(document).decode()}"}
    found = []
    for cluster in ("cluster-a", "cluster-b"):
        async with site.session.post(
            f"{site.urls[0]}/metrics/v1/receive", data=write(cluster), headers=headers
        ) as answer:
            found.append(answer.status)

    assert found == [200, 403]


async def test_a_trusted_peer_says_who_pushes(site: Site) -> None:
    secret = site.folder / "peer"
    secret.write_text("between us\n")
    header = {"networks": ["127.0.0.0/8"], "secret_file": str(secret)}
    await site.start(auth={"trusted_header": header})
    await site.publish(testing.job())
    named = {"X-Tenantry-Source": "team-a/fleet/cluster-a"}
    statuses = []
    for headers in (
        {**named, "X-Tenantry-Peer-Secret": "between us"},
        {**named, "X-Tenantry-Peer-Secret": "guessed"},
        named,
        {"X-Tenantry-Source": "nonsense", "X-Tenantry-Peer-Secret": "between us"},
    ):
        async with site.session.post(
            f"{site.urls[0]}/api/v1/write", data=write("cluster-a"), headers={**WRITE, **headers}
        ) as answer:
            statuses.append(answer.status)

    assert statuses == [200, 401, 401, 400]


async def test_a_client_certificate_says_who_pushes(site: Site, tmp_path: Path) -> None:
    ca = trustme.CA()
    server, client = ca.issue_cert(LOOPBACK), ca.issue_cert("cluster-a.example.com")
    server.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    server.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    known = {"name": "dns:cluster-a.example.com", "cluster": "cluster-a", **REF}
    files = {"cert_file": "cert.pem", "key_file": "key.pem", "client_ca_file": "ca.pem"}
    tls = {name: str(tmp_path / file) for name, file in files.items()}
    url = await site.start(listen={"tls": tls}, auth={"certificates": [known]})
    await site.publish(testing.job())
    context = ssl.create_default_context()
    ca.configure_trust(context)
    nobody = ssl.create_default_context()
    ca.configure_trust(nobody)
    client.configure_cert(context)
    statuses = []
    for ours, cluster in ((context, "cluster-a"), (context, "cluster-b"), (nobody, "cluster-a")):
        async with site.session.post(
            f"{url.replace('http', 'https')}/api/v1/write",
            data=write(cluster),
            headers=WRITE,
            ssl=ours,
        ) as answer:
            statuses.append(answer.status)

    assert statuses == [200, 403, 401]


class Service:
    """An authorisation service that knows one credential, and can be away."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, LOOPBACK, port).start()
        try:
            yield f"http://{LOOPBACK}:{port}/"
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        await asyncio.sleep(0.05)
        if self.status != 200:
            return web.Response(status=self.status)
        asked = await request.json()
        if asked["authorization_token"] != "good":  # noqa: S105 - of nobody
            return web.Response(status=401)
        return web.json_response({**asked, "account_id": "1"})


async def test_an_upstream_is_asked_once_and_its_outage_is_no_refusal(site: Site) -> None:
    service = Service()
    async with service.running() as url:
        upstream = {"url": url, "fresh_seconds": 3.0, "refused_seconds": 3.0, **REF}
        await site.start(auth={"upstream": upstream})
        await site.publish(testing.job())
        async with asyncio.TaskGroup() as group:
            many = [group.create_task(authorize(site, "good", "cluster-a")) for _ in range(20)]
        at_once = service.asked
        wrong = (await authorize(site, "wrong", "cluster-a")).status
        service.status = 500
        await asyncio.sleep(3.2)
        known = (await authorize(site, "good", "cluster-a")).status
        unknown = await authorize(site, "good", "cluster-b")
        service.status = 429
        limited = (await authorize(site, "good", "cluster-c")).status

    gone = await authorize(site, "good", "cluster-d")
    assert {task.result().status for task in many} == {200}
    assert at_once == 1
    assert wrong == 401
    assert known == 200, "its last yes counts while it is away"
    assert (unknown.status, limited, gone.status) == (503, 503, 503)
    assert int(gone.headers["Retry-After"]) > 0


async def test_without_anything_configured_everybody_is_nobody(site: Site) -> None:
    await site.start(auth={"tokens": {}})
    await site.publish(testing.job())

    assert await pushed(site, site.issuer.token("cluster-a"), "cluster-a") == 401
