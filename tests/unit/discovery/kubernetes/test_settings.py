"""adobe's keys mean what they meant there; what cannot be meant is refused."""

from typing import Any

import msgspec
import pytest
import yaml

from discovery import config
from discovery.config import Config
from discovery.kubernetes.settings import Rule

ADOBES = """
discovery:
  kubernetes:
    namespaces: [monitoring]
    label_selectors:
      app.kubernetes.io/name: prometheus
    annotation_selectors:
      prometheus.io/scrape: "true"
    port: "9090"
    resource_types: [Pod]
  refresh_interval: 30s
"""


def test_adobes_configuration_is_read() -> None:
    read = msgspec.convert(yaml.safe_load(ADOBES), Config).discovery

    assert read.rules == (
        Rule(
            namespaces=("monitoring",),
            label_selectors={"app.kubernetes.io/name": "prometheus"},
            annotation_selectors={"prometheus.io/scrape": "true"},
            port="9090",
            resource_types=("Pod",),
        ),
    )
    assert read.refresh_seconds == 30


def test_nothing_said_is_what_adobe_does() -> None:
    rule = Rule()

    assert (rule.labels, rule.port_number, rule.resource_types) == (
        {"app": "prometheus"},
        9090,
        ("Service",),
    )


def test_several_rules_are_a_list() -> None:
    read = msgspec.convert({"kubernetes": [{"port": "web"}, {"port": 1}]}, config.Sources)

    assert [rule.port_number for rule in read.rules] == [None, 1]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        pytest.param({"port": ""}, "port", id="no port"),
        pytest.param({"port": "70000"}, "port", id="no number of a port"),
        pytest.param({"port": 0}, "port", id="port 0"),
        pytest.param({"access": "infra"}, "any namespace", id="credentials for everybody"),
        pytest.param({"resource_types": ["Node"]}, "Invalid enum value 'Node'", id="other kind"),
        pytest.param(
            {"resource_types": [], "prometheus_operator": False}, "nothing", id="nothing searched"
        ),
        pytest.param({"port_name": "web"}, "unknown field", id="other key"),
    ],
)
def test_what_cannot_be_meant_is_refused(written: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        msgspec.convert({"kubernetes": written}, config.Sources)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        pytest.param({"refresh_interval": "30"}, "refresh_interval", id="no unit"),
        pytest.param({"refresh_interval": "0s"}, "refresh_interval", id="never"),
        pytest.param({"file_sd": {"access": "x"}}, "no profile 'x'", id="profile of files"),
        pytest.param(
            {"kubernetes": [{"access": "x", "namespaces": ["m"]}]}, "no profile", id="of a rule"
        ),
    ],
)
def test_names_and_durations_are_checked(written: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        msgspec.convert({"discovery": written}, Config)
