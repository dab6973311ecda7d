"""Random small universes, rules and queries for hypothesis, made so that names and labels collide."""

from hypothesis import strategies as st
from tests.unit.promql.mini_oracle import Series

from tenantry_promql import Matcher

STEPS = 6
_NAMES = ("a", "ab", "b", "c")
_JOBS = ("x", "y", "")
_SPACES = ("p", "q", "")
IDENTITIES = [
    {"__name__": name, "job": job, "ns": space}
    for name in _NAMES
    for job in _JOBS
    for space in _SPACES
]

_NAME_CONDITIONS = [("=", name) for name in _NAMES] + [
    ("=~", "a|b"),
    ("=~", "a.*"),
    ("=~", "a.+"),
    ("=~", "[ab]"),
    ("=~", "ab?"),
    ("=~", ".+"),
    ("!=", "a"),
    ("!~", "a.*"),
]
_LABEL_CONDITIONS = [
    ("=", "x"),
    ("=", "y"),
    ("=", ""),
    ("!=", "x"),
    ("!=", ""),
    ("=~", "x|y"),
    ("=~", "x|"),
    ("=~", "[xp].*"),
    ("=~", "x.*"),
    ("=~", ".*"),
    ("=~", ".+"),
    ("!~", "x|p"),
    ("!~", "[yq]"),
    ("=", "p"),
    ("=", "q"),
    ("=~", "p|q"),
]


def _matchers(conditions: list[tuple[str, str]], *labels: str) -> st.SearchStrategy[Matcher]:
    return st.builds(
        lambda label, condition: Matcher(label, *condition),
        st.sampled_from(labels),
        st.sampled_from(conditions),
    )


_NAME_MATCHERS = _matchers(_NAME_CONDITIONS, "__name__")
_OTHER_MATCHERS = _matchers(_LABEL_CONDITIONS, "job", "ns")

MATCHERS = st.one_of(_NAME_MATCHERS, _OTHER_MATCHERS, _OTHER_MATCHERS)
RULES = st.lists(st.lists(MATCHERS, min_size=1, max_size=2), min_size=1, max_size=5)

CROSSED_RULES = st.lists(
    st.one_of(
        st.tuples(_NAME_MATCHERS, _OTHER_MATCHERS).map(list),
        st.tuples(_NAME_MATCHERS).map(list),
        st.tuples(_OTHER_MATCHERS).map(list),
    ),
    min_size=2,
    max_size=3,
)
"""Rules of which some demand different names, so that few of them merge."""


# With one of them, two series are never seen at the same step; the second follows the first.
_TURNS = st.sampled_from(({2, 3, 4, 5}, {0, 1, 2}))


@st.composite
def universes(draw: st.DrawFn) -> list[Series]:
    """Draw series of which many differ in the name only, or overlap in a label only, with gaps."""
    chosen = draw(st.lists(st.sampled_from(IDENTITIES), min_size=6, max_size=14, unique_by=str))
    series = []
    for number, labels in enumerate(chosen):
        gaps = draw(st.one_of(st.sets(st.integers(0, STEPS - 1), max_size=3), _TURNS))
        steps = [step for step in range(STEPS) if step not in gaps]
        # Powers of two: any two sums of different series differ, and all sums are exact.
        samples = tuple((step, float(2**number + step * 1024)) for step in steps)
        present = frozenset((label, value) for label, value in labels.items() if value)
        series.append(Series(present, samples))
    return series


@st.composite
def selectors(draw: st.DrawFn, modifiers: str = "") -> str:
    """Draw the text of a selector that Prometheus accepts."""
    name = draw(st.sampled_from(("", "", *_NAMES)))
    matchers = draw(st.lists(_OTHER_MATCHERS, max_size=1))
    if not name:
        matchers.append(draw(st.one_of(_NAME_MATCHERS, st.just(Matcher("job", "=", "x")))))
        if matchers[-1].op.startswith("!"):
            matchers.append(Matcher("ns", "=~", ".+"))
    body = ",".join(f'{label}{op}"{value}"' for label, op, value in matchers)
    offset = draw(st.sampled_from(("", "", "", " offset 1", " @ 3")))
    braces = f"{{{body}}}" if body or not name else ""
    return f"{name}{braces}{modifiers}{offset}"


NAMELESS = ('{__name__=~".+"}', '{job=~"x|",ns!=""}', '{__name__!="c",ns!=""}')


def nameless(modifiers: str = "") -> st.SearchStrategy[str]:
    """Draw the text of a selector of many names."""
    return st.sampled_from([body + modifiers for body in NAMELESS])


def _one_of(*templates: str) -> st.SearchStrategy[str]:
    return st.sampled_from(templates)


_FLAT = st.one_of(
    st.builds(lambda s: s, selectors()),
    st.builds(
        lambda call, s: call.replace("S", s),
        _one_of(
            "timestamp(S)", "timestamp((S))", "absent(S)", "absent((S))", "-S", "clamp_max(S, 7)"
        ),
        selectors(),
    ),
    st.builds(
        lambda call, s: call.replace("R", s),
        _one_of(
            "sum_over_time(R)",
            "count_over_time((R))",
            "last_over_time(R)",
            "absent_over_time(R)",
            "absent_over_time((R))",
        ),
        st.one_of(selectors("[1]"), selectors("[3]")),
    ),
    st.builds(
        lambda parameter, s: f"quantile_over_time(scalar({parameter}), {s})",
        selectors(),
        selectors("[3]"),
    ),
)

_OPERATORS = (
    " + ",
    " > ",
    " or ",
    " and ",
    " unless ",
    " * on (job) group_left () ",
    " + ignoring (ns) ",
    " and on (ns) ",
    " or ignoring (job) ",
)
# A parenthesis after a bare group_left is its label list, hence between bare selectors only.
_BARE_OPERATORS = (*_OPERATORS, " * on (job) group_left ")
_WRAPPERS = (
    "({})",
    "sum({})",
    "count by (job) ({})",
    "max without (ns) ({})",
    "sum by (__name__) ({})",
    "absent({})",
    "timestamp({})",
    "-({})",
    "count_over_time(({})[3:1])",
    "last_over_time(({})[2:1] offset 1)",
    'label_replace({}, "job", "$1", "ns", "(.*)")',
    'label_replace({}, "ns", "$1", "__name__", "(.*)")',
    "clamp_max({}, scalar(a))",
    'quantile(scalar({{job="x"}}), {})',
    "vector(scalar({}))",
)

EXPRESSIONS = st.recursive(
    _FLAT,
    lambda inner: st.one_of(
        st.builds(lambda wrapper, text: wrapper.format(text), st.sampled_from(_WRAPPERS), inner),
        st.builds(
            lambda left, operator, right: f"({left}){operator}({right})",
            inner,
            st.sampled_from(_OPERATORS),
            inner,
        ),
        st.builds(
            lambda left, operator, right: f"{left}{operator}{right}",
            selectors(),
            st.sampled_from(_BARE_OPERATORS),
            selectors(),
        ),
    ),
    max_leaves=3,
)

QUERIES = st.one_of(EXPRESSIONS, selectors("[3]"), selectors("[2]").map("({})".format))
"""Whole queries, range selectors at the top level included."""
