"""A request has one id, and its query a digest."""

import pytest

from query_gateway import visit


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(["abc-123"], "abc-123", id="a sane one"),
        pytest.param(["0af7651916cd43dd8448eb211c80319c"], None, id="hexadecimal"),
        pytest.param(["x" * 128], None, id="as long as can be"),
    ],
)
def test_a_sane_id_is_kept(given: list[str], expected: str | None) -> None:
    assert visit.request_id(given, new=lambda: "new") == (expected or given[0])


@pytest.mark.parametrize(
    "given",
    [
        pytest.param([], id="none"),
        pytest.param([""], id="empty"),
        pytest.param(["a", "a"], id="two"),
        pytest.param(["a b"], id="a blank"),
        pytest.param(["a\tb"], id="a tab"),
        pytest.param(["ä"], id="not ASCII"),
        pytest.param(["a,b"], id="a list"),
        pytest.param(['a"b'], id="a quote"),
        pytest.param(["x" * 129], id="too long"),
    ],
)
def test_any_other_is_replaced(given: list[str]) -> None:
    assert visit.request_id(given, new=lambda: "new") == "new"


def test_new_ids_differ() -> None:
    new = visit.Ids().new

    assert len({visit.request_id([], new) for _ in range(1000)}) == 1000


def test_equal_queries_have_equal_digests_and_no_others() -> None:
    texts: list[tuple[str, ...]] = [("up",), ("up ",), ("up", "x"), ("upx",), ("up\0x", "")]

    assert visit.digest(["up"]) == visit.digest(["up"])
    assert len({visit.digest(text) for text in texts}) == len(texts)
    assert len(visit.digest(["up"])) == 32
    assert visit.digest([]) == ""
