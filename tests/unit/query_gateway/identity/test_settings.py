"""Settings that would believe nobody, or the wrong ones, are refused at start."""

import re
from pathlib import Path

import pytest

from query_gateway import config
from query_gateway.identity.settings import Auth
from tenantry_common import config as files
from tenantry_common import errors

ISSUER = "{issuer: 'https://issuer.example', audiences: [tenantry]%s}"


def load(tmp_path: Path, text: str) -> config.Config:
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    return files.load(config.Config, path, env={})


def test_without_a_word_nobody_is_believed(tmp_path: Path) -> None:
    assert load(tmp_path, "").auth == Auth()


def issuer(more: str) -> str:
    return f"auth: {{modes: [jwt], jwt: {{issuers: [{ISSUER % more}]}}}}"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param(
            "auth: {modes: [password]}",
            "Invalid enum value 'password' - at `$.auth.modes[0]`",
            id="a mode that does not exist",
        ),
        pytest.param("auth: {modes: [mtls, mtls]}", "modes names one twice", id="a mode twice"),
        pytest.param(
            "auth: {modes: [trusted-header]}",
            "mode trusted-header needs trusted_header.networks or trusted_header.certificates",
            id="trusted-header without peers",
        ),
        pytest.param(
            "auth: {modes: [trusted-header], trusted_header: {networks: [10.0.0.1/8]}}",
            "10.0.0.1/8 has host bits set - at `$.auth.trusted_header`",
            id="a network that is none",
        ),
        pytest.param("auth: {modes: [jwt]}", "needs jwt.issuers", id="jwt without issuers"),
        pytest.param("auth: {modes: [apikey]}", "needs apikey.file", id="apikey without a file"),
        pytest.param("auth: {modes: [mtls]}", "needs mtls.grants", id="mtls without grants"),
        pytest.param(
            "auth: {modes: [mtls], mtls: {grants: [{name: 'cn:x', tenants: [a]}]}}",
            "client certificates need listen.tls.client_ca_file",
            id="mtls without a client CA",
        ),
        pytest.param(
            "auth: {modes: [trusted-header], trusted_header: {certificates: ['cn:x']}}",
            "client certificates need listen.tls.client_ca_file",
            id="a proxy's certificate without a client CA",
        ),
        pytest.param(issuer(", algorithms: [HS256]"), "algorithms must be among", id="HS256"),
        pytest.param(issuer(", algorithms: [none]"), "algorithms must be among", id="none"),
        pytest.param(issuer(", algorithms: []"), "algorithms must be among", id="no algorithm"),
        pytest.param(issuer(", jwks_url: 'http://x/keys'"), "from https URLs only", id="http"),
        pytest.param(
            issuer(", jwks_url: 'http://localhost:1@evil/keys'"), "from https URLs only", id="user"
        ),
        pytest.param(
            issuer(", jwks_url: 'https://x', jwks_file: y"), "not both", id="a URL and a file"
        ),
        pytest.param(
            f"auth: {{jwt: {{issuers: [{ISSUER % ''}, {ISSUER % ''}]}}}}",
            "two issuers of the same name",
            id="an issuer twice",
        ),
        pytest.param(
            "auth: {jwt: {issuers: [{issuer: x, audiences: []}]}}",
            "needs issuer and audiences",
            id="no audience",
        ),
        pytest.param(
            issuer(", grants: [{tenants: [a]}]"), "either a name or a pattern", id="grant"
        ),
        pytest.param(
            issuer(", grants: [{name: a, pattern: b, tenants: [a]}]"),
            "either a name or a pattern",
            id="a grant with both",
        ),
        pytest.param(issuer(", grants: [{pattern: '(', tenants: [a]}]"), "missing )", id="no RE2"),
        pytest.param(issuer(", grants: [{name: a, tenants: []}]"), "needs tenants", id="to nobody"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(errors.ConfigError, match=re.escape(complaint)):
        load(tmp_path, text)
