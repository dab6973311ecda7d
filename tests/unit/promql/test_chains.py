"""The types of chains of operators, precedence included."""

import pytest

from tenantry_promql.chains import ChainError, chain_type
from tenantry_promql.functions import MATRIX, SCALAR, STRING, VECTOR, ValueType
from tenantry_promql.syntax import Operator

OPERANDS: dict[str, ValueType] = {"s": SCALAR, "v": VECTOR, "m": MATRIX, "t": STRING}


def type_of(text: str) -> ValueType:
    """Type a chain like `v + s`, where unary operators are written `u-`."""
    parts: list[Operator | tuple[ValueType, int]] = []
    for index, word in enumerate(text.split()):
        if word in OPERANDS:
            parts.append((OPERANDS[word], index))
            continue
        symbol, *flags = word.split(":")
        unary = symbol.startswith("u")
        parts.append(
            Operator(
                symbol.removeprefix("u") if unary and len(symbol) == 2 else symbol,
                index,
                is_unary=unary and len(symbol) == 2,
                returns_bool="bool" in flags,
                has_labels="on" in flags,
                is_grouping="group" in flags,
                fills="fill" in flags,
            )
        )
    return chain_type(parts)


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        pytest.param("s + s", SCALAR, id="scalars"),
        pytest.param("s + v", VECTOR, id="a scalar and a vector"),
        pytest.param("u- v", VECTOR, id="a sign"),
        pytest.param("u- s ^ s", SCALAR, id="a sign binds looser than a power"),
        pytest.param("s >:bool s", SCALAR, id="comparison of scalars with bool"),
        pytest.param("s > v", VECTOR, id="comparison with a vector needs none"),
        pytest.param("s > s + v", VECTOR, id="+ binds closer than >"),
        pytest.param("s + v and v", VECTOR, id="and is looser than +"),
        pytest.param("v and v or v unless v", VECTOR, id="set operators"),
        pytest.param("s ^ s ^ v", VECTOR, id="powers group to the right"),
        pytest.param("v OR v", VECTOR, id="words ignore case"),
        pytest.param("v +:on:group v", VECTOR, id="matching between vectors"),
    ],
)
def test_type(chain: str, expected: ValueType) -> None:
    assert type_of(chain) == expected


@pytest.mark.parametrize(
    ("chain", "message", "start"),
    [
        pytest.param("v + m", "binary expression must contain only scalar and instant vector types", 2, id="a range"),
        pytest.param("t + v", "binary expression must contain only scalar and instant vector types", 0, id="a string"),
        pytest.param("u- m", 'unary expression only allowed on expressions of type scalar or instant vector, got "range vector"', 0, id="a sign before a range"),
        pytest.param("s > s", "comparisons between scalars must use BOOL modifier", 1, id="scalars without bool"),
        pytest.param("v and s + s", 'set operator "and" not allowed in binary scalar expression', 0, id="a set and a scalar"),
        pytest.param("s or v", 'set operator "or" not allowed in binary scalar expression', 0, id="a scalar and a set"),
        pytest.param("v +:bool v", "bool modifier can only be used on comparison operators", 1, id="bool without comparison"),
        pytest.param("v +:on s", "vector matching only allowed between instant vectors", 0, id="matching with a scalar"),
        pytest.param("v +:fill s", "filling in missing series only allowed between instant vectors", 0, id="filling with a scalar"),
        pytest.param("v and:on:group v", 'no grouping allowed for "and" operation', 0, id="grouping of sets"),
        pytest.param("v or:fill v", "filling in missing series not allowed for set operators", 0, id="filling of sets"),
    ],
)  # fmt: skip
def test_errors(chain: str, message: str, start: int) -> None:
    with pytest.raises(ChainError) as raised:
        type_of(chain)

    assert (str(raised.value), raised.value.start) == (message, start)
