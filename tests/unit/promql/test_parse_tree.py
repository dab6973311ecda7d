"""The tree of a query is the one that Prometheus answers."""

import pytest

import tenantry_promql as promql

type Tree = dict[str, object]


def selector(name: str, *matchers: tuple[str, str, str], **more: object) -> Tree:
    every = (*matchers, ("__name__", "=", name)) if name else matchers
    return {
        "type": "vectorSelector",
        "name": name,
        "matchers": [{"name": label, "value": value, "type": op} for label, op, value in every],
        "offset": 0,
        "timestamp": None,
        "startOrEnd": None,
        "anchored": False,
        "smoothed": False,
        **more,
    }


def number(text: str) -> Tree:
    return {"type": "numberLiteral", "val": text}


def binary(left: Tree, op: str, right: Tree, matching: Tree | None = None) -> Tree:
    return {
        "type": "binaryExpr",
        "op": op,
        "lhs": left,
        "rhs": right,
        "matching": matching,
        "bool": False,
    }


def matching(card: str, *, on: bool = False, labels: tuple[str, ...] = (), **more: object) -> Tree:
    nothing = {"lhs": None, "rhs": None}
    return {
        "card": card,
        "labels": list(labels),
        "on": on,
        "include": [],
        "fillValues": nothing,
        **more,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param('x{a=~"b"}', selector("x", ("a", "=~", "b")), id="selector"),
        pytest.param(
            '{"a.b"="c"} offset -1h @ end()',
            selector("", ("a.b", "=", "c"), offset=-3_600_000, startOrEnd="end"),
            id="modifiers",
        ),
        pytest.param(
            "x[5m] @ 12.5 anchored",
            selector("x", type="matrixSelector", range=300_000, timestamp=12500, anchored=True),
            id="range",
        ),
        pytest.param(
            "(x)[1h:5m] offset 2",
            {
                "type": "subquery",
                "expr": {"type": "parenExpr", "expr": selector("x")},
                "range": 3_600_000,
                "offset": 2000,
                "step": 300_000,
                "timestamp": None,
                "startOrEnd": None,
            },
            id="subquery",
        ),
        pytest.param(
            'topk without (a, "b.c") (3, x)',
            {
                "type": "aggregation",
                "op": "topk",
                "expr": selector("x"),
                "param": number("3"),
                "grouping": ["a", "b.c"],
                "without": True,
            },
            id="aggregation",
        ),
        pytest.param(
            "rate(x[1m])",
            {
                "type": "call",
                "func": {
                    "name": "rate",
                    "argTypes": ["matrix"],
                    "variadic": 0,
                    "returnType": "vector",
                },
                "args": [selector("x", type="matrixSelector", range=60_000)],
            },
            id="call",
        ),
        pytest.param("-2", number("-2"), id="a sign and a number are one literal"),
        pytest.param(
            "-x ^ 2",
            {
                "type": "unaryExpr",
                "op": "-",
                "expr": binary(selector("x"), "^", number("2")),
            },
            id="a power binds before a sign",
        ),
        pytest.param(
            "1 + 2 * 3 - 4",
            binary(
                binary(number("1"), "+", binary(number("2"), "*", number("3"))), "-", number("4")
            ),
            id="precedence",
        ),
        pytest.param(
            "2 ^ 3 ^ 4",
            binary(number("2"), "^", binary(number("3"), "^", number("4"))),
            id="powers group to the right",
        ),
        pytest.param(
            "a * on (b) group_left (c) d",
            binary(
                selector("a"),
                "*",
                selector("d"),
                matching("many-to-one", on=True, labels=("b",), include=["c"]),
            ),
            id="matching",
        ),
        pytest.param(
            "a - fill_left (-1) b",
            binary(
                selector("a"),
                "-",
                selector("b"),
                matching("one-to-one", fillValues={"lhs": -1.0, "rhs": None}),
            ),
            id="fill",
        ),
        pytest.param(
            "a OR b", binary(selector("a"), "or", selector("b"), matching("many-to-many")), id="set"
        ),
        pytest.param(
            'label_replace(x, "a", "", "", "")["""[0:0]',
            None,
            id="what cannot be read",
        ),
        pytest.param("x[5m * 2]", None, id="duration arithmetic"),
    ],
)
def test_the_tree_is_this(query: str, expected: Tree | None) -> None:
    if expected is None:
        with pytest.raises((promql.ParseError, promql.Refused)):
            promql.parse_tree(query)
    else:
        assert promql.parse_tree(query) == expected
