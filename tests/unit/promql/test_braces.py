"""Matchers between braces."""

import pytest

from tenantry_promql.errors import LimitExceeded, ParseError, Refused
from tenantry_promql.reader import read_selector
from tenantry_promql.settings import Limits
from tenantry_promql.syntax import Matcher

NAME = "__name__"


@pytest.mark.parametrize(
    ("selector", "body", "matchers"),
    [
        pytest.param('{a="b"}', 'a="b"', [("a", "=", "b")], id="equal"),
        pytest.param('{a!="b",c=~"d.*" , e!~"f.*",}', 'a!="b",c=~"d.*",e!~"f.*"', [("a", "!=", "b"), ("c", "=~", "d.*"), ("e", "!~", "f.*")], id="all operators"),
        pytest.param("{a='\\'',b=`\\`}", "a='\\'',b=`\\`", [("a", "=", "'"), ("b", "=", "\\")], id="all quotes, texts kept"),
        pytest.param('{"a.b"="c"}', '"a.b"="c"', [("a.b", "=", "c")], id="a quoted label"),
        pytest.param('{"a.b"}', '"a.b"', [(NAME, "=", "a.b")], id="a quoted metric name"),
        pytest.param('{"a","b"}', '"a","b"', [(NAME, "=", "a"), (NAME, "=", "b")], id="two of them"),
        pytest.param('{"__name__"="a"}', '"__name__"="a"', [(NAME, "=", "a")], id="__name__ quoted is __name__"),
        pytest.param('{by="a",or="b",inf="c"}', 'by="a",or="b",inf="c"', [("by", "=", "a"), ("or", "=", "b"), ("inf", "=", "c")], id="keywords are labels"),
        pytest.param('x{a="b"}', 'a="b"', [("a", "=", "b"), (NAME, "=", "x")], id="the name outside comes last"),
        pytest.param("x{}", "", [(NAME, "=", "x")], id="empty braces"),
    ],
)  # fmt: skip
def test_matchers(selector: str, body: str, matchers: list[tuple[str, str, str]]) -> None:
    found = read_selector(selector)

    assert (found.body, found.matchers) == (body, tuple(Matcher(*m) for m in matchers))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        pytest.param("{a}", '1:3: parse error: unexpected "}" in label matching, expected label matching operator', id="no operator"),
        pytest.param("{a=}", '1:4: parse error: unexpected "}" in label matching, expected string', id="no value"),
        pytest.param("{a=b}", '1:4: parse error: unexpected identifier "b" in label matching, expected string', id="no quotes"),
        pytest.param('{a=="b"}', '1:4: parse error: unexpected "=" in label matching, expected string', id="two equal signs"),
        pytest.param('{a="b" c="d"}', '1:8: parse error: unexpected identifier "c" in label matching, expected "," or "}"', id="no comma"),
        pytest.param('{a="b" or c="d"}', '1:8: parse error: unexpected identifier "or" in label matching, expected "," or "}"', id="or, which is not PromQL"),
        pytest.param('{,}', '1:2: parse error: unexpected "," in label matching, expected identifier or "}"', id="a comma alone"),
        pytest.param('{""="b"}', "1:2: parse error: a label name must not be empty", id="an empty label name"),
        pytest.param('{a=~"("}', "1:2: parse error: error parsing regexp: missing ): (", id="a bad expression"),
        pytest.param('{a="b",c!~"["}', "1:8: parse error: error parsing regexp: missing ]: [", id="at its matcher"),
        pytest.param('{a="\\q"}', "1:4: parse error: unknown escape sequence U+0071 'q'", id="a bad escape"),
        pytest.param('x{__name__="y"}', '1:1: parse error: metric name must not be set twice: "x" or "y"', id="two names"),
        pytest.param('x{"y"}', '1:1: parse error: metric name must not be set twice: "x" or "y"', id="two names, one quoted"),
        pytest.param('x{"__name__"!="y"}', '1:1: parse error: metric name must not be set twice: "x" or "y"', id="any condition on the name"),
    ],
)  # fmt: skip
def test_errors(selector: str, message: str) -> None:
    with pytest.raises(ParseError) as raised:
        read_selector(selector)

    assert str(raised.value) == message


@pytest.mark.parametrize("selector", ['{a="\\xff"}', '{"\\xff"="a"}', '{"\\xff"}'])
def test_bytes_that_are_no_text_are_refused(selector: str) -> None:
    with pytest.raises(Refused, match="not valid UTF-8"):
        read_selector(selector)


def test_the_size_of_expressions_is_limited() -> None:
    body = ",".join(f'a=~"[ab]{{{number}}}"' for number in range(1, 50))

    with pytest.raises(LimitExceeded, match="the limit regex_size is 500"):
        read_selector(f'{{b="c",{body}}}', Limits(regex_size=500))
