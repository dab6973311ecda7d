"""Ports of an estate never collide with one another."""

from dataclasses import astuple

from tenantry_cli.ports import Ports


def test_the_usual_ports_differ() -> None:
    assert len(set(astuple(Ports()))) == len(astuple(Ports()))


def test_free_ports_differ() -> None:
    assert len(set(astuple(Ports.free()))) == len(astuple(Ports()))
