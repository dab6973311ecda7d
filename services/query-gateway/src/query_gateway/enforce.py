"""PromQL in, permitted PromQL out; pure, and what is not understood is refused.

All that leaves for a backend is what these functions return.
"""

from collections.abc import Sequence

import tenantry_promql as promql
from query_gateway.failures import Failure


def query(
    text: str, rules: promql.RuleSet, upstream: promql.Upstream, limits: promql.Limits
) -> tuple[str, ...]:
    """Return `text` so that it sees exactly the permitted series: one query, or several pieces.

    Several only for a range selector at the top level: their answers, evaluated at one time, are
    to be united by full label set. Raises `Failure`.
    """
    with explained("query"):
        return promql.rewrite_query(text, rules, upstream=upstream, limits=limits).queries


def exemplars(
    text: str, rules: promql.RuleSet, upstream: promql.Upstream, limits: promql.Limits
) -> tuple[str, ...]:
    """Return queries whose selectors select the permitted part of what those of `text` select.

    Several are to be united. Only the selectors count here, each exemplar comes once, and so any
    form of a union will do. info() is refused: Prometheus
    would take its second argument for a selector too. Raises `Failure`.
    """
    with explained("query"):
        if promql.anatomy(text, limits=limits).reads_info:
            raise Failure(
                "refused",
                "info() cannot be used here: the exemplars of the series that it reads could not "
                "be told from those of others",
            )
        unevaluated = upstream._replace(
            label_replace_keeps_histograms=True, immediate_name_removal=True
        )
        return promql.rewrite_query(text, rules, upstream=unevaluated, limits=limits).queries


def selectors(
    texts: Sequence[str], rules: promql.RuleSet, upstream: promql.Upstream, limits: promql.Limits
) -> tuple[str, ...]:
    """Return the selectors whose union is what `texts` (none: everything) select of what is permitted.

    Never empty. Raises `Failure`.
    """
    if not texts:
        found = list(promql.selectors_without_match(rules))
    else:
        with explained("match[]"):
            found = [
                one
                for text in texts
                for one in promql.rewrite_match(text, rules, upstream=upstream, limits=limits)
            ]
    unique = tuple(dict.fromkeys(found))
    if not unique:  # the library's promise; without any selector a backend answers everything
        raise Failure("internal", "no selector is left")
    if (size := sum(len(one.encode()) for one in unique)) > limits.output_bytes:
        raise Failure(
            "limit",
            f"the selectors become {size} bytes when the tenant's rules are applied, and the limit "
            f"output_bytes is {limits.output_bytes}; send fewer or narrower ones",
        )
    return unique


def nothing() -> str:
    """Return a selector of nothing."""
    (selector,) = promql.selectors_without_match(promql.RuleSet(()))
    return selector


def possible_values(label: str, rules: promql.RuleSet) -> promql.RuleSet:
    """Return what the rules demand of `label` alone: no permitted series has any other value in it."""
    return promql.RuleSet(
        tuple(matcher for matcher in rule if matcher.label == label) for rule in rules.rules
    )


class explained:
    """Turn what the library raises into a failure in Prometheus' words.

    (A class, because a generator would cost microseconds.)
    """

    def __init__(self, parameter: str) -> None:
        """Take the name of the parameter that is read."""
        self._parameter = parameter

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        match error:
            case promql.ParseError():
                text = f'invalid parameter "{self._parameter}": {error}'
                raise Failure("syntax", text) from error
            case promql.LimitExceeded():
                raise Failure("limit", str(error)) from error
            case promql.Refused():
                raise Failure("refused", str(error)) from error
