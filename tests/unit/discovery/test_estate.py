"""The estate remembers what must not be forgotten and says once what changed."""

from dataclasses import dataclass

import pytest

from discovery import target
from discovery.estate import Estate
from discovery.observation import Observation, Silent
from discovery.target import Target
from tenantry_common.contracts import Backend


def at(address: str, **labels: str) -> Target:
    made = target.make(address, labels, "t.yaml")
    assert isinstance(made, Target)
    return made


@dataclass
class Listed:
    targets: tuple[Target, ...] = ()
    complete: bool = True


def told(cluster: str) -> Observation:
    return Observation(version="2.42.0", external_labels={"cluster": cluster}, features=frozenset())


REFUSED = Silent("Connection refused")
DOWN = Observation(ready=REFUSED, version=REFUSED, external_labels=REFUSED, features=REFUSED)


def sets(found: object) -> dict[str, tuple[str, bool]]:
    assert isinstance(found, dict)
    return {id_: (backend.ha_set, backend.healthy) for id_, backend in found.items()}


def test_what_an_instance_before_knew_counts_for_backends_that_are_down() -> None:
    estate = Estate([Listed((at("a:1"),))], ())
    estate.remember(
        {"a:1": Backend(id="a:1", url="http://a:1", ha_set="x", external_labels={"cluster": "eu1"})}
    )
    estate.list_targets()

    assert sets(estate.refresh({"a:1": DOWN})) == {"a:1": ("cluster-eu1", False)}


def test_a_backend_that_its_source_drops_is_gone_and_forgotten() -> None:
    listed = Listed((at("a:1"),))
    estate = Estate([listed], ())
    estate.list_targets()
    estate.refresh({"a:1": told("eu1")})
    listed.targets = ()
    estate.list_targets()

    assert estate.refresh({}) == {}
    listed.targets = (at("a:1"),)
    estate.list_targets()
    assert sets(estate.refresh({"a:1": DOWN})) == {"a:1": ("a:1", False)}


def test_an_incomplete_source_makes_nothing_forgotten() -> None:
    listed = Listed((at("a:1"),))
    estate = Estate([listed], ())
    estate.list_targets()
    estate.refresh({"a:1": told("eu1")})
    listed.targets, listed.complete = (), False
    estate.list_targets()
    estate.refresh({})
    listed.targets, listed.complete = (at("a:1"),), True
    estate.list_targets()

    assert sets(estate.refresh({"a:1": DOWN})) == {"a:1": ("cluster-eu1", False)}


def test_changes_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    listed = Listed((at("a:1"), at("a:1", x="y")))
    estate = Estate([listed], ())
    for observation in (told("eu1"), told("eu1"), DOWN, DOWN):
        estate.list_targets()
        estate.refresh({"a:1": observation})
    listed.targets = ()
    estate.list_targets()
    estate.refresh({})

    assert [(r.levelname, r.getMessage(), vars(r).get("reason")) for r in caplog.records] == [
        ("WARNING", "target ignored", "a:1 in t.yaml is ignored: t.yaml describes it otherwise"),
        ("INFO", "backend", ""),
        ("WARNING", "backend", "Connection refused"),
        ("INFO", "backend removed", None),
    ]
