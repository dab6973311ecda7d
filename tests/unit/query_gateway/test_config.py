"""Configuration that would not do what it says is refused at start."""

import re
from pathlib import Path

import pytest

from query_gateway import config
from tenantry_common import config as files
from tenantry_common import errors


def load(tmp_path: Path, text: str) -> config.Config:
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    return files.load(config.Config, path, env={})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("listn: {}", "unknown field `listn`", id="a misspelling"),
        pytest.param("listen: {tls: {cert_file: x}}", "cert_file and key_file", id="half of TLS"),
        pytest.param("limits: {points: 0}", "points must be above 0", id="nothing is allowed"),
        pytest.param("limits: {burst: 0.5}", "burst must be at least 1", id="not even one"),
        pytest.param(
            "limits: {overrides: {shop: {pints: 1}}}",
            "overrides of shop: Object contains unknown field `pints`",
            id="a misspelt override",
        ),
        pytest.param(
            "limits: {overrides: {shop: {points: 1.5}}}",
            "overrides of shop: Expected `int`, got `float` - at `$.points`",
            id="an override of another type",
        ),
        pytest.param(
            "limits: {overrides: {shop: {pieces: -1}}}",
            "overrides of shop: pieces must be above 0",
            id="an override that allows nothing",
        ),
        pytest.param(
            "limits: {overrides: {shop: {concurrent: 1}}}",
            "unknown field `concurrent`",
            id="what is shared cannot be a tenant's own",
        ),
        pytest.param(
            "listen: {drain_delay_seconds: 19}",
            "shutdown_grace_seconds leaves no time",
            id="all time is spent waiting",
        ),
        pytest.param(
            "upstream: {headers: {Host: x}}", "'Host' cannot be set", id="a header of ours"
        ),
        pytest.param(
            "upstream: {headers: {Content-Length: '1'}}", "cannot be set", id="another one"
        ),
        pytest.param(
            "cache: {redis: {url: 'redis://:secret@a', key_file: k}}",
            "neither credentials nor options",
            id="a password where it would be seen",
        ),
        pytest.param(
            "cache: {redis: {url: 'redis://a'}}", "url needs key_file", id="records without a key"
        ),
        pytest.param(
            "cache: {redis: {url: 'redis://a', key_file: k, username: u}}",
            "username needs password_file",
            id="half of a login",
        ),
        pytest.param(
            "cache: {redis: {url: 'http://a', key_file: k}}", "rediss://", id="no Redis at all"
        ),
        pytest.param(
            "cache: {memory_bytes: 0, redis: {url: 'redis://a', key_file: k}}",
            "redis needs memory_bytes",
            id="a shared cache without one of its own",
        ),
        pytest.param("upstream: {hedge_seconds: 0}", "above 0", id="everybody at once"),
        pytest.param("upstream: {headers: {'a b': x}}", "cannot be set", id="no header at all"),
        pytest.param(
            'upstream: {headers: {X-Scope-OrgID: "a\\nb"}}', "printable ASCII", id="two lines"
        ),
    ],
)
def test_a_mistake_is_named_with_its_path(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(errors.ConfigError, match=re.escape(complaint)):
        load(tmp_path, text)


def test_the_documented_examples_are_read(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "operating" / "query-gateway.md"
    examples = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)

    assert len(examples) >= 2
    for example in examples:
        assert load(tmp_path, example) != config.Config()


def test_the_documentation_names_every_limit() -> None:
    page = Path(__file__).parents[3] / "docs" / "operating" / "query-gateway.md"
    text = page.read_text()

    assert [field for field in config.Limits.__struct_fields__ if field not in text] == []


def test_a_tenants_own_limits_are_those_of_all_but_for_what_is_said(tmp_path: Path) -> None:
    limits = load(
        tmp_path,
        "limits: {points: 100, overrides: {shop: {pieces: 7, wait_seconds: 1, burst: 2}}}",
    ).limits

    assert limits.own() == {
        "shop": config.TenantLimits(points=100, pieces=7, wait_seconds=1.0, burst=2.0)
    }
