"""Make a wrong comparison small, and write down all that somebody needs to see it again."""

from collections.abc import Iterator

from tests.oracle.promql import doubts, rulesets
from tests.oracle.promql.answers import Answer
from tests.oracle.promql.compare import Bench, Case, Outcome
from tests.oracle.promql.estate import Estate
from tests.oracle.promql.verdicts import Verdict

from tenantry_promql import PromQLError
from tenantry_promql.reader import read
from tenantry_promql.syntax import Node, children, to_text

_LONGEST = 4_000  # characters of an answer that are shown


async def shrink(
    estate: Estate, bench: Bench, outcome: Outcome, name: str
) -> tuple[Bench, Outcome]:
    """Return the smallest part of the query that is wrong too, under the fewest rules."""
    outcome = await _smaller_query(bench, outcome)
    index = 0
    while index < len(bench.given.rules) > 1:
        rules = [rule for at, rule in enumerate(bench.given.rules) if at != index]
        fewer = rulesets.given(bench.given.kind, rules)
        async with estate.bench(f"{name}-{len(rules)}-{index}", fewer, bench.through) as smaller:
            tried = await doubts.compared(smaller, outcome.case)
            if tried.verdict is Verdict.WRONG:
                bench, outcome = smaller, tried
            else:
                index += 1
    return bench, outcome


async def _smaller_query(bench: Bench, outcome: Outcome) -> Outcome:
    case = outcome.case
    for text in _parts(case.query):
        tried = await doubts.compared(bench, Case(case.category, text, case.moment))
        if tried.verdict is Verdict.WRONG:
            return tried
    return outcome


def _parts(query: str) -> list[str]:
    """Return the expressions inside a query, the shortest first."""
    try:
        tree = read(query)
    except PromQLError:
        return []
    return sorted({to_text(node) for node in _below(tree)}, key=len)


def _below(node: Node) -> Iterator[Node]:
    for child in children(node):
        yield child
        yield from _below(child)


def describe(bench: Bench, outcome: Outcome, number: int) -> str:
    """Return the reproduction as text."""
    case = outcome.case
    lines = [
        f"=== rule set {number} ({bench.given.kind}), category {case.category}",
        "rules:",
        *(f"    {text}" for text in bench.given.texts()),
        f"query:     {case.query}",
        f"rewritten: {bench.through.sent(bench.given, case.query)}",
        f"asked:     {case.moment.path} {case.moment.parameters()}",
        f"answered:  {_shown(outcome.got, outcome.expected)}",
        f"expected:  {_shown(outcome.expected, outcome.got)}",
    ]
    return "\n".join(lines) + "\n"


def _shown(answer: Answer, other: Answer) -> str:
    """Return an answer, of its series those that the other has not in the same form."""
    if answer.error_type:
        return f"{answer.error_type}: {answer.error}"
    if answer.point is not None:
        return f"{answer.type} {answer.point}"
    different = [one for one in answer.elements if other.by_key.get(one.key) != one]
    shown = "".join(
        f"\n    {dict(one.key)} {one.points} {one.histogram_points or ''}" for one in different
    )
    text = f"{answer.type} of {len(answer.elements)}, {len(different)} of them different{shown}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
