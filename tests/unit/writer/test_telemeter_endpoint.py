"""What a telemeter server's answers mean, and that token and upload go over the same TLS."""

import ssl
from pathlib import Path

import pytest
import trustme
from tests.push.reference_server import ReferenceServer, Settings, serving

from tenantry_common.contracts import Authorize, Endpoint, SecretRef, TlsConfig
from tenantry_common.credentials import Folder
from writer import exchange, outcome, telemeter_endpoint
from writer.access import Granted
from writer.outcome import Answer, ConfigFault, CredentialsFault, Delivered, NoAnswer, Retry, Split


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(Answer(status=200), Delivered(), id="exactly 200"),
        pytest.param(Answer(status=200, page=True), ConfigFault("200 with a page for people"), id="a login page"),
        pytest.param(Answer(status=201), Retry("201", maybe_stored=True), id="201 is no success"),
        pytest.param(Answer(status=204), Retry("204", maybe_stored=True), id="204 is no success"),
        pytest.param(Answer(status=302), Retry("302"), id="a redirect"),
        pytest.param(Answer(status=400, text="x"), Split("400 x", "unknown"), id="refused"),
        pytest.param(Answer(status=401), CredentialsFault("401"), id="token not accepted"),
        pytest.param(Answer(status=403), CredentialsFault("403"), id="forbidden"),
        pytest.param(Answer(status=404), Retry("404"), id="not there"),
        pytest.param(Answer(status=409), Split("409", "unknown"), id="refused behind it"),
        pytest.param(Answer(status=413), Split("413", "size"), id="too large"),
        pytest.param(Answer(status=429, retry_after="30"), Retry("429", 30.0), id="too often"),
        pytest.param(Answer(status=500, text="x"), Retry("500 x", maybe_stored=True, about_data=True), id="fault"),
        pytest.param(Answer(status=503), Retry("503", maybe_stored=True), id="down"),
        pytest.param(NoAnswer(reason="gone", sent=True), Retry("gone", maybe_stored=True), id="no answer"),
    ],
)  # fmt: skip
def test_answers(answer: Answer | NoAnswer, expected: outcome.Outcome) -> None:
    assert telemeter_endpoint.of(answer, 0.0) == expected


def ref(key: str) -> SecretRef:
    return SecretRef(name="push", key=key)


@pytest.mark.parametrize("ours", [True, False], ids=["our certificate", "another authority's"])
async def test_token_and_upload_are_had_with_a_client_certificate(
    tmp_path: Path, ours: bool
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("push.example.com").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    shown = (authority if ours else trustme.CA()).issue_cert("edge.example.com")
    folder = tmp_path / "t" / "push"
    folder.mkdir(parents=True)
    (folder / "token").write_text("s3cret")
    (folder / "ca").write_bytes(authority.cert_pem.bytes())
    (folder / "cert").write_bytes(shown.cert_chain_pems[0].bytes())
    (folder / "key").write_bytes(shown.private_key_pem.bytes())
    settings = Settings(credentials={"c": "s3cret"})

    async with (
        serving(ReferenceServer(settings), tls=context) as server,
        exchange.session(5) as http,
    ):
        endpoint = Endpoint(
            id="up",
            kind="telemeter",
            url=f"{server.url}/upload",
            authorize=Authorize(id="c", credentials=ref("token"), url=f"{server.url}/authorize"),
            tls=TlsConfig(
                ca=ref("ca"), cert=ref("cert"), key=ref("key"), server_name="push.example.com"
            ),
        )
        target = telemeter_endpoint.TelemeterEndpoint(http, "t", endpoint, Folder(str(tmp_path)))
        granted = await target.grant()
        if not ours:
            assert isinstance(granted, outcome.Retry)
            return
        assert isinstance(granted, Granted)
        assert granted.labels == {"_id": "c"}
        assert await target.upload(b"", granted) == Delivered()
