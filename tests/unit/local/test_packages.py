"""Servers are known by their Debian names."""

import pytest

from tenantry_local import packages
from tenantry_local.errors import InstallFailed


@pytest.mark.parametrize("package", packages.KNOWN, ids=lambda package: package.name)
def test_a_package_is_found_by_its_name(package: packages.Package) -> None:
    assert packages.named(package.name) is package


@pytest.mark.parametrize("package", packages.KNOWN, ids=lambda package: package.name)
def test_names_in_the_image_are_names_that_are_looked_for(package: packages.Package) -> None:
    assert set(package.image_executables) <= set(package.executables)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InstallFailed, match=r"promethius .*known: prometheus, "):
        packages.named("promethius")
