"""Label names in paths: Prometheus' escaping, and nothing that means something to a server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_gateway import label_names


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("job", "job", id="plain"),
        pytest.param("U______name____", "__name__", id="underscores are doubled"),
        pytest.param("U__a_2e_b", "a.b", id="a code point"),
        pytest.param("U__a_2E_b", "a.b", id="in capitals"),
        pytest.param("U___1f600_", "\U0001f600", id="beyond the basic plane"),
        pytest.param("U__", "", id="nothing"),
        pytest.param("u__a_2e_b", "u__a_2e_b", id="not the prefix"),
        pytest.param("U__a_2e", "U__a_2e", id="an unfinished escape means itself"),
        pytest.param("U__a_", "U__a_", id="a lone underscore means itself"),
        pytest.param("U__a_xy_", "U__a_xy_", id="not hexadecimal"),
        pytest.param("U__a_d800_", "U__a_d800_", id="a surrogate"),
        pytest.param("U__a_110000_", "U__a_110000_", id="no code point"),
        pytest.param("U__a_0000041_", "U__a_0000041_", id="too many digits"),
    ],
)
def test_a_name_is_unescaped_as_prometheus_does(written: str, meant: str) -> None:
    assert label_names.unescape(written) == meant


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        pytest.param("job", "job", id="legacy"),
        pytest.param("__name__", "__name__", id="underscores"),
        pytest.param("a.b", "U__a_2e_b", id="dot"),
        pytest.param("..", "U___2e__2e_", id="the parent folder"),
        pytest.param("a/../b", "U__a_2f__2e__2e__2f_b", id="a path"),
        pytest.param("1a", "U___31_a", id="leading digit"),
        pytest.param("ä%?#", "U___e4__25__3f__23_", id="what URLs give a meaning to"),
        pytest.param("U__x", "U__U____x", id="a name that looks escaped"),
    ],
)
def test_a_name_is_escaped_into_one_harmless_segment(name: str, segment: str) -> None:
    assert label_names.escape(name) == segment


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_escaping_is_undone_by_unescaping(name: str) -> None:
    assert label_names.unescape(label_names.escape(name)) == name


@pytest.mark.parametrize("name", ["job", "_a1", "U__x"])
def test_a_legacy_name_is_known(name: str) -> None:
    assert label_names.is_legacy(name)


@pytest.mark.parametrize("name", ["", "1a", "a.b", "a:b", "ä", "a\n"])
def test_other_names_are_not_legacy(name: str) -> None:
    assert not label_names.is_legacy(name)
