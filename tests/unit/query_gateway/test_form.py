"""Form text is read strictly, once, and written so that it reads the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_gateway import form
from query_gateway.failures import Failure


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        pytest.param(b"", (), id="nothing"),
        pytest.param(b"query=up", (("query", "up"),), id="one"),
        pytest.param(b"a=1&a=2&b=", (("a", "1"), ("a", "2"), ("b", "")), id="repeated and empty"),
        pytest.param(b"a", (("a", ""),), id="a name alone has the empty value"),
        pytest.param(b"a=b=c", (("a", "b=c"),), id="only the first equals sign separates"),
        pytest.param(b"&&a=1&", (("a", "1"),), id="empty fields are skipped"),
        pytest.param(b"match%5B%5D=up", (("match[]", "up"),), id="names are unescaped too"),
        pytest.param(b"q=a+b%2Bc%3b", (("q", "a b+c;"),), id="plus is a blank"),
        pytest.param("q=ä%C3%A4".encode(), (("q", "ää"),), id="bytes of UTF-8, raw or escaped"),
    ],
)
def test_form_text_is_read(raw: bytes, pairs: form.Pairs) -> None:
    assert form.decode(raw, "URL") == pairs


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        pytest.param(b"a=1;b=2", "the body holds an unescaped ';'", id="semicolon"),
        pytest.param(b"a=%zz", "the body holds a '%' that escapes nothing", id="bad escape"),
        pytest.param(b"a=%2", "the body holds a '%' that escapes nothing", id="cut escape"),
        pytest.param(b"a=%ff", "the body is not UTF-8", id="not UTF-8"),
        pytest.param(b"%ff=a", "the body is not UTF-8", id="a name that is not UTF-8"),
        pytest.param(b"a=%ed%a0%80", "the body is not UTF-8", id="a surrogate"),
        pytest.param(b"a=\xff", "the body is not UTF-8", id="a raw byte"),
        pytest.param(
            b"a=%EF%BF%BD",
            "the body holds U+FFFD, the mark of broken UTF-8",
            id="replacement character",
        ),
        pytest.param(b"a=%00", "the body holds a NUL character", id="NUL"),
        pytest.param(
            b"a=1&" * 1001, "the body holds more than 1000 parameters", id="very many parameters"
        ),
    ],
)
def test_what_two_readers_could_take_for_two_things_is_refused(raw: bytes, text: str) -> None:
    with pytest.raises(Failure) as raised:
        form.decode(raw, "body")

    assert (raised.value.status, raised.value.text) == (400, text)


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufffd"))


@given(st.lists(st.tuples(_TEXT, _TEXT), max_size=5))
def test_what_is_written_reads_the_same(pairs: list[tuple[str, str]]) -> None:
    assert form.decode(form.encode(tuple(pairs)).encode("ascii"), "URL") == tuple(pairs)
