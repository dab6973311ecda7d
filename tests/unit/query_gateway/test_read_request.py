"""A remote-read request goes upstream with the rules, in a form that no server ignores."""

import pytest

import tenantry_promql as promql
from query_gateway import read_request
from query_gateway.failures import Failure
from query_gateway.read_request import Plan
from tenantry_common import snappy_block
from tenantry_common.proto import remote_pb2

type Matchers = list[tuple[str, str, str]]

OPS = ["=", "!=", "=~", "!~"]
SHOP = ('{namespace="shop"}',)
NEVER = [("__tenantry_never__", "=~", ".+"), ("__tenantry_never__", "!~", ".+")]


def request(*queries: Matchers, accepted: tuple[int, ...] = ()) -> bytes:
    message = remote_pb2.ReadRequest()
    for matchers in queries:
        query = message.queries.add(start_timestamp_ms=1, end_timestamp_ms=2)
        query.hints.step_ms = 15
        for label, op, value in matchers:
            query.matchers.add(
                type=remote_pb2.LabelMatcher.Type.Name(OPS.index(op)),
                name=label,
                value=value,
            )
    message.accepted_response_types.extend(accepted)  # type: ignore[arg-type]  # numbers will do
    return snappy_block.compress(message.SerializeToString())


def plan(block: bytes, rules: tuple[str, ...] = SHOP, **limits: int) -> Plan:
    compiled = promql.RuleSet(map(promql.parse_rule, rules))
    return read_request.plan(block, compiled, promql.Limits(**limits), most=10_000)


def sent(found: Plan) -> list[list[Matchers]]:
    """Return for each call the matchers of each query."""
    calls = []
    for call in found.calls:
        message = remote_pb2.ReadRequest.FromString(
            snappy_block.decompress(call.message, limit=10_000)
        )
        calls.append(
            [
                [(one.name, OPS[one.type], one.value) for one in query.matchers]
                for query in message.queries
            ]
        )
    return calls


@pytest.mark.parametrize(
    ("matchers", "rules", "expected"),
    [
        pytest.param(
            [("__name__", "=", "up")],
            SHOP,
            [[("__name__", "=", "up"), ("namespace", "=~", "shop")]],
            id="a rule is added as a regular expression",
        ),
        pytest.param(
            [("__name__", "=", "up"), ("namespace", "=", "shop")],
            SHOP,
            [[("namespace", "=", "shop"), ("__name__", "=", "up"), ("namespace", "=~", "shop")]],
            id="an equality of the tenant's is not relied on",
        ),
        pytest.param(
            [("__name__", "=", "up"), ("namespace", "=", "bank")],
            SHOP,
            [[("namespace", "=", "bank"), ("__name__", "=", "up"), ("namespace", "=~", "shop")]],
            id="nor where it contradicts the rules",
        ),
        pytest.param(
            [("namespace", "=~", "shop|bank")],
            SHOP,
            [[("namespace", "=~", "shop|bank"), ("namespace", "=~", "shop")]],
            id="a regular expression is",
        ),
        pytest.param(
            [("namespace", "=~", "bank")],
            SHOP,
            [[("namespace", "=~", "bank"), *NEVER]],
            id="nothing",
        ),
        pytest.param([], SHOP, [NEVER], id="no matchers are nothing"),
        pytest.param(
            [("job", "=", "")],
            SHOP,
            [[("job", "=", ""), ("__name__", "=~", ".+"), ("namespace", "=~", "shop")]],
            id="all",
        ),
        pytest.param(
            [("__name__", "=", "")],
            SHOP,
            [[("__name__", "=", ""), ("__name__", "=~", ".+"), ("namespace", "=~", "shop")]],
            id="no name is an equality that is ignored",
        ),
        pytest.param(
            [("job", "=~", ".*")],
            ('{cluster=""}',),
            [[("job", "=~", ".*"), ("__name__", "=~", ".+"), ("cluster", "=~", "")]],
            id="an absent label is an empty regular expression",
        ),
        pytest.param(
            [("__name__", "=", "up")],
            ("up",),
            [[("__name__", "=", "up")]],
            id="inside the rules",
        ),
        pytest.param(
            [("__name__", "=~", "a.b")],
            ('{x="a.b"}',),
            [[("__name__", "=~", "a.b"), ("x", "=~", "a\\.b")]],
            id="quoted",
        ),
        pytest.param(
            [("a.b", "!=", "c")],
            ('{"d.e"="f"}',),
            [[("a.b", "!=", "c"), ("__name__", "=~", ".+"), ("d.e", "=~", "f")]],
            id="any label",
        ),
        pytest.param(
            [("__name__", "=", "up")], (), [[("__name__", "=", "up"), *NEVER]], id="no rules"
        ),
    ],
)
def test_a_query_is_restricted(
    matchers: Matchers, rules: tuple[str, ...], expected: list[Matchers]
) -> None:
    ((one,),) = sent(plan(request(matchers), rules))

    assert [one] == expected


def test_a_union_becomes_several_calls_with_as_many_queries_each() -> None:
    rules = ('up{job="a"}', '{namespace="shop"}')

    found = plan(request([("__name__", "=", "up")], [("__name__", "=", "down")]), rules)

    up, down = ("__name__", "=", "up"), ("__name__", "=", "down")
    assert found.queries == 2
    first, second = sent(found)
    assert {tuple(first[0]), tuple(second[0])} == {
        (up, ("job", "=~", "a")),
        (up, ("namespace", "=~", "shop")),
    }
    assert (first[1], second[1]) == ([down, ("namespace", "=~", "shop")], NEVER)


def test_times_and_hints_go_along() -> None:
    (call,) = plan(request([("__name__", "=", "up")])).calls

    message = remote_pb2.ReadRequest.FromString(snappy_block.decompress(call.message, limit=1000))
    query = message.queries[0]
    assert (query.start_timestamp_ms, query.end_timestamp_ms, query.hints.step_ms) == (1, 2, 15)


@pytest.mark.parametrize(
    ("accepted", "streamed"),
    [((), False), ((0,), False), ((1,), True), ((1, 0), True), ((0, 1), False)],
)
def test_the_first_accepted_type_is_asked_for(accepted: tuple[int, ...], streamed: bool) -> None:
    found = plan(request([("__name__", "=", "up")], accepted=accepted))

    assert found.streamed == streamed
    (call,) = found.calls
    message = remote_pb2.ReadRequest.FromString(snappy_block.decompress(call.message, limit=1000))
    assert list(message.accepted_response_types) == ([1] if streamed else [])


def test_a_request_of_no_queries_is_not_sent() -> None:
    assert plan(request()) == Plan(calls=(), queries=0, streamed=False)


def bomb() -> bytes:
    return b"\xff\xff\xff\xff\x0f" + b"\x00" * 10


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        pytest.param(b"", "malformed", id="empty"),
        pytest.param(b"\x05hello", "malformed", id="not snappy"),
        pytest.param(snappy_block.compress(b"\xff\xff"), "malformed", id="not a message"),
        pytest.param(bomb(), "too_large", id="declares four gigabytes"),
        pytest.param(snappy_block.compress(b"\0" * 20_000), "too_large", id="is long"),
        pytest.param(request(*[[]] * 300), "limit", id="many queries"),
        pytest.param(request([("a", "=~", "(")]), "syntax", id="no regular expression"),
        pytest.param(request([("", "!=", "x")]), "syntax", id="no label"),
        pytest.param(request([("__tenantry_x", "!=", "x")]), "refused", id="a reserved label"),
        pytest.param(request([], accepted=(7,)), "malformed", id="an unknown answer only"),
        pytest.param(
            snappy_block.compress(b"\x0a\x07\x1a\x05\x08\x09\x12\x01a"),
            "malformed",
            id="an unknown kind of matcher",
        ),
        pytest.param(
            request([("a", "=~", "(.{1,200}){1,5}x")]), "limit", id="a large regular expression"
        ),
    ],
)
def test_what_cannot_be_read_is_refused(block: bytes, kind: str) -> None:
    with pytest.raises(Failure) as failure:
        plan(block, regex_size=1000)

    assert failure.value.kind == kind


def test_a_request_may_not_become_too_many_queries() -> None:
    rules = tuple(f'{{a="{n}",b!="{n}"}}' for n in range(50))

    with pytest.raises(Failure) as failure:
        plan(request(*[[("__name__", "=", "up")]] * 6), rules)

    assert failure.value.kind == "limit"
