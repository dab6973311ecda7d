"""Regular expressions as Prometheus understands them, not as Python does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry_promql import regexes
from tenantry_promql.regexes import BadRegex


@pytest.mark.parametrize(
    ("regex", "value", "expected"),
    [
        pytest.param("a|b", "b", True, id="alternation"),
        pytest.param("a|b", "ab", False, id="anchored at both ends"),
        pytest.param("a|b", "xa", False, id="also the branches"),
        pytest.param("a.c", "a\nc", True, id="the dot matches a newline"),
        pytest.param("a$", "a\n", False, id="$ is the very end, unlike in Python"),
        pytest.param("\\d+", "\u0661", False, id="\\d is ASCII, unlike in Python"),
        pytest.param("node_.*", "node_", True, id="prefix with star"),
        pytest.param("node_.+", "node_", False, id="prefix with plus"),
        pytest.param("a\\.b.*", "a.bc", True, id="quoted characters in a prefix"),
        pytest.param("a\\.b.*", "axbc", False, id="a quoted dot is a dot"),
        pytest.param("(?i)ab.*", "ABc", True, id="flags"),
        pytest.param("", "", True, id="the empty expression matches nothing but the empty value"),
    ],
)
def test_matches(regex: str, value: str, expected: bool) -> None:
    assert regexes.matches(regex, value) is expected


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        pytest.param("a", {"a"}, id="one literal"),
        pytest.param("a|b|c", {"a", "b", "c"}, id="several"),
        pytest.param("a|", {"a", ""}, id="an empty branch"),
        pytest.param("", {""}, id="nothing but the empty value"),
        pytest.param("a\\.b|c\\-d", {"a.b", "c-d"}, id="quoted punctuation"),
        pytest.param("(a|b)", {"a", "b"}, id="in parentheses"),
        pytest.param("(?:a|b)", {"a", "b"}, id="in a group"),
        pytest.param("é|ü", {"é", "ü"}, id="outside ASCII"),
        pytest.param("a.b", None, id="a dot is no literal"),
        pytest.param("(a)|(b)", None, id="two groups are not looked into"),
        pytest.param("(?i:a)", None, id="flags are not literals"),
        pytest.param("\\d", None, id="classes are not"),
        pytest.param("a\\x41", None, id="hex escapes are not"),
        pytest.param("\\Qa\\E", None, id="quoting is not"),
        pytest.param("a\\", None, id="a trailing backslash is not"),
        pytest.param("a{2}", None, id="repetition is not"),
        pytest.param("|".join(map(str, range(100))), set(map(str, range(100))), id="long ones too"),
    ],
)
def test_literals(regex: str, expected: set[str] | None) -> None:
    assert regexes.literals(regex) == expected


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        pytest.param("node_.*", ("node_", "*"), id="star"),
        pytest.param("node_.+", ("node_", "+"), id="plus"),
        pytest.param("a\\.b.*", ("a.b", "*"), id="quoted dot"),
        pytest.param(".*", ("", "*"), id="no literal"),
        pytest.param("a|b.*", None, id="the star belongs to a branch"),
        pytest.param("a.*b", None, id="something follows"),
        pytest.param("a\\d.*", None, id="a class before it"),
        pytest.param("a.*?", None, id="lazy"),
    ],
)
def test_prefix(regex: str, expected: tuple[str, str] | None) -> None:
    assert regexes.prefix(regex) == expected


@pytest.mark.parametrize(
    "regex",
    [
        pytest.param("a(", id="open parenthesis"),
        pytest.param("a)|(b", id="fits only into the group around it"),
        pytest.param("[z-a]", id="empty range"),
        pytest.param("a{1001}", id="too many repetitions"),
        pytest.param("(?=a)b", id="look-ahead"),
        pytest.param("(a)\\1", id="back-reference"),
        pytest.param("\\é.*", id="a quoted letter"),
        pytest.param("\\C", id="any byte, which Go does not know"),
        pytest.param("a\\\\\\Cb", id="also behind a quoted backslash"),
    ],
)
def test_what_go_refuses_is_refused(regex: str) -> None:
    with pytest.raises(BadRegex, match="error parsing regexp"):
        regexes.check(regex)


def test_a_quoted_backslash_before_a_c_is_no_escape() -> None:
    assert regexes.check("a\\\\C[x]") > 0


def test_an_unclosed_quotation_is_fine_in_a_query_but_not_in_a_rule() -> None:
    regexes.check("\\Qa.b")

    with pytest.raises(BadRegex, match="missing"):
        regexes.check_rule("\\Qa.b")


@pytest.mark.parametrize(
    ("regex", "value", "expected"),
    [
        pytest.param("a.*", "ab", True, id="ASCII is decided"),
        pytest.param("a.*", "é", False, id="without flags anything is decided"),
        pytest.param("(?:é|a).*", "é1", True, id="a plain group is no flag"),
        pytest.param("(?i)É", "é", None, id="case folding outside ASCII depends on the version"),
        pytest.param("(?i)k", "\u212a", None, id="also where the expression is ASCII"),
        pytest.param("\\pL+", "é", None, id="Unicode classes depend on the version"),
        pytest.param("\\pL+", "e", True, id="but not within ASCII"),
        pytest.param("a.b", "a\nb", None, id="the dot meets a newline in Prometheus 3 only"),
    ],
)
def test_verdict(regex: str, value: str, expected: bool | None) -> None:
    assert regexes.verdict(regex, value) is expected


def test_very_large_expressions_are_left_to_prometheus() -> None:
    large = "|".join(f"pod-{number}-[a-z0-9]+" for number in range(2000))

    assert regexes.check(large) > 10_000
    assert regexes.verdict(large, "pod-7-x") is None


def test_literals_and_prefixes_need_no_compiling() -> None:
    assert [regexes.check(regex) for regex in ("a|b", "node_.*", ".+")] == [0, 0, 0]


@pytest.mark.parametrize("value", ["a.b", "a|b", "(a)", "[a]{2}", "a+b*c?", "^a$", "a\\b", "é-_:/"])
def test_a_quoted_value_matches_itself_only(value: str) -> None:
    assert regexes.literals(regexes.quote_meta(value)) == frozenset((value,))


@pytest.mark.parametrize(
    ("op", "operand", "value", "expected"),
    [
        pytest.param("=", "a", "a", True, id="="),
        pytest.param("!=", "a", "", True, id="!= holds for a missing label"),
        pytest.param("=~", "a|b", "b", True, id="=~"),
        pytest.param("=~", "a?", "", True, id="=~ may hold for a missing label"),
        pytest.param("!~", "a.*", "ab", False, id="!~"),
    ],
)
def test_holds(op: str, operand: str, value: str, expected: bool) -> None:
    assert regexes.holds(op, operand, value) is expected


@pytest.mark.parametrize("regex", ["5..", ".*", "a.+b.?", "a|.*b|", "x\\.y.*", "(a|b)"])
def test_plain_expressions_need_no_compiling(regex: str) -> None:
    regexes._compiled.cache_clear()

    assert regexes.check(regex) == 0
    assert regexes._compiled.cache_info().currsize == 0
    assert regexes._compiled(regex)  # and RE2 accepts them


@given(
    st.lists(st.sampled_from(["a", "ab", "b.*", "a.+", "(?:", ")", "|", "", "x:", "\\.", "[c]", "?"])).map("".join),
    st.sampled_from(["", "a", "ab", "b", "abc", "bc", "x:a", ".", "c", "a\nb"]),
)  # fmt: skip
def test_matching_without_re2_is_matching_with_it(regex: str, value: str) -> None:
    try:
        expected = regexes._compiled(regex).fullmatch(value) is not None
    except BadRegex:
        return

    assert regexes.matches(regex, value) == expected
